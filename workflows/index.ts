// What the worker registers: one export per workflow type.
export { checkout } from './checkout';
export { settlement } from './settlement';
