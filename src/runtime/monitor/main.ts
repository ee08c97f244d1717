/** The monitor's process: runs until told to stop, or until its exec root is gone. */
export function runMonitor(_args: readonly string[]): Promise<void> {
  throw new Error('the monitor is being written');
}
