// What reaches the log: fields and error classes, no secrets, nothing that hangs on an error.
import { createLogger } from '../../platform/logging';

function capture(): { lines: Record<string, unknown>[]; write: (line: string) => void } {
  const lines: Record<string, unknown>[] = [];
  return { lines, write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
}

describe('createLogger', () => {
  test('writes constant messages with their fields as JSON lines', () => {
    const sink = capture();
    createLogger({ name: 'api', level: 'info' }, sink).info({ checkout_id: 'c1' }, 'checkout opened');
    expect(sink.lines).toEqual([
      expect.objectContaining({ name: 'api', msg: 'checkout opened', checkout_id: 'c1' }),
    ]);
  });

  test.each([
    { client_secret: 'hunter2' },
    { intent: { client_secret: 'hunter2' } },
    { headers: { authorization: 'Bearer hunter2' } },
    { config: { secretKey: 'hunter2' } },
    { checkout_token: 'hunter2' },
  ])('cuts the secret out of %j', (fields) => {
    const sink = capture();
    createLogger({ name: 'api', level: 'info' }, sink).info(fields, 'x');
    expect(JSON.stringify(sink.lines)).not.toContain('hunter2');
    expect(JSON.stringify(sink.lines)).toContain('[redacted]');
  });

  test('keeps class, message, code and stack of an error, and nothing else that hangs on it', () => {
    const sink = capture();
    const err = Object.assign(new TypeError('no such thing'), {
      code: '42P01',
      detail: 'Key (email)=(a@b.c)',
      raw: {},
    });
    createLogger({ name: 'api', level: 'info' }, sink).error({ err }, 'failed');
    expect(sink.lines[0]?.['err']).toEqual({
      type: 'TypeError',
      message: 'no such thing',
      code: '42P01',
      stack: expect.stringContaining('no such thing'),
    });
  });
});
