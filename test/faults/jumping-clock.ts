import { readFileSync } from 'node:fs';

/**
 * Loaded into the daemon before anything else: its wall clock is off by what a file says from SIGUSR2 on. The machine's
 * clock stays as it is, and so do those of the monitor and of containers.
 */
const file = process.env['WHARF_FAULTS_CLOCK'] ?? '';
const trueNow = Date.now.bind(Date);
let offsetMs = 0;

if (process.argv[1]?.includes('wharfd') === true) {
  process.on('SIGUSR2', () => {
    offsetMs = Number(readFileSync(file, 'utf8'));
  });
}
Date.now = () => trueNow() + offsetMs;
