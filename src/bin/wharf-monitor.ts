import { runMonitor } from '../runtime/index.ts';

await runMonitor(process.argv.slice(2));
