// What the worker registers: one export per workflow type.
export { checkout } from './checkout';
export { cleanup } from './cleanup';
export { inbox_sweep } from './inbox-sweep';
export { reconcile } from './reconcile';
export { refundOrder } from './refund-order';
export { settlement } from './settlement';
export { triple_check } from './triple-check';
