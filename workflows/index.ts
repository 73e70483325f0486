// What the worker registers: one export per workflow type.
export { checkout } from './checkout';
export { refundOrder } from './refund-order';
export { settlement } from './settlement';
