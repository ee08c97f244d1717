export const STOCK_ENGINES: string;
export function fetchStockEngines(): Promise<void>;
