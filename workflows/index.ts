// What the worker registers: one export per workflow type.
export { checkout } from './checkout';
export { inbox_sweep } from './inbox-sweep';
export { settlement } from './settlement';
