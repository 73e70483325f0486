// What may never be written down or sent back: card numbers. Someone may type a real one, whatever the page says.

const CARD_NUMBER = /\d(?:[ -]?\d){11,18}/g;
const API_KEY = /\b(sk|rk|pk)_(live|test)_\w+/g;

/** The text with runs of 12 to 19 digits and API keys taken out. */
export function redactText(text: string): string {
  return text
    .replaceAll(CARD_NUMBER, '[number removed]')
    .replaceAll(API_KEY, (_key, kind: string, mode: string) => `${kind}_${mode}_***`);
}

/** A copy of log fields with every text in them redacted; errors become their name, message and stack. */
export function redactFields(fields: object): object {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, redactValue(value)]));
}

function redactValue(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value);
  if (value instanceof Error) {
    return {
      name: value.name,
      message: redactText(value.message),
      ...(value.stack === undefined ? {} : { stack: redactText(value.stack) }),
    };
  }
  return value;
}
