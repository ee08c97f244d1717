export const STOCK_ENGINES: string;
export function fetchStockEngines(): Promise<void>;
export const STOCK_PODMAN: string;
export function fetchStockPodman(): Promise<void>;
