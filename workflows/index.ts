// What the worker registers: one export per workflow type.
export { checkout } from './checkout';
export { cleanup } from './cleanup';
export { settlement } from './settlement';
