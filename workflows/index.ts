// What the worker registers: one export per workflow type.
export { checkout } from './checkout';
export { cleanup } from './cleanup';
export { inbox_sweep } from './inbox-sweep';
export { operation } from './operation';
export { reconcile } from './reconcile';
export { settlement } from './settlement';
export { triple_check } from './triple-check';
