// The switches of this worker, said where an operator looks: a switch that was forgotten must not hide.
import type { Logger } from 'pino';
import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';

import type { SwitchesConfig } from '../platform/config';

/** `holdfast_switch_off`: 1 for each switch that is not `on`. */
export function showSwitches(registry: Registry, logger: Logger, switches: SwitchesConfig): void {
  const gauge = new Gauge({
    name: 'holdfast_switch_off',
    help: 'Switches of this worker that an operator has turned: 1 while not on.',
    labelNames: ['switch'],
    registers: [registry],
  });
  for (const [name, value] of Object.entries(switches)) {
    gauge.set({ switch: name }, value === 'on' ? 0 : 1);
    if (value !== 'on') logger.warn({ switch: name, value }, 'a switch is turned');
  }
}
