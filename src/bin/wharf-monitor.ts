import { serveKeeper } from '../network/index.ts';
import { runMonitor } from '../runtime/index.ts';

await runMonitor(process.argv.slice(2), serveKeeper);
