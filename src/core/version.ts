/** Version of this software, and the versions of the Engine API that it speaks. */
export const VERSION = '0.1.0';
export const API_VERSION = '1.50';
export const MIN_API_VERSION = '1.24';
