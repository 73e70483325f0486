// The one API version the simulator models; the npm package `stripe` 23.1.0 pins the same.

export const API_VERSION = '2026-10-28.endive';
