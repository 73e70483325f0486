// What the person at the terminal sees: every line with the name of the part that said it, JSON logs as readable text.
import { prettyFactory } from 'pino-pretty';

export interface Output {
  /** A line of the supervisor itself. */
  say(line: string): void;
  /** Passes the lines of one part on. */
  of(name: string): (line: string) => void;
}

const NAME_WIDTH = 9;
/** Cyan, magenta, yellow, blue, green: one for each part that speaks. */
const COLOURS = [36, 35, 33, 34, 32];

/** @param colours whether the reader is a terminal */
export function createOutput(write: (text: string) => void, colours: boolean): Output {
  const pretty = prettyFactory({
    colorize: colours,
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss',
    ignore: 'pid,hostname,name',
  });
  const names = new Map<string, number>();

  function prefix(name: string): string {
    if (!names.has(name)) names.set(name, names.size);
    const padded = `${name.padEnd(NAME_WIDTH)}|`;
    const colour = COLOURS[(names.get(name) ?? 0) % COLOURS.length];
    return colours ? `\u001b[${colour}m${padded}\u001b[0m` : padded;
  }

  return {
    say: (line) => write(`${prefix('holdfast')} ${line}\n`),
    of: (name) => (line) => {
      if (line.trim() === '') return;
      // A log entry may hold several lines, such as a stack: each has its name.
      for (const part of readable(line, pretty).split('\n')) write(`${prefix(name)} ${part}\n`);
    },
  };
}

function readable(line: string, pretty: (line: string) => string): string {
  return line.startsWith('{') ? pretty(line).trimEnd() : line;
}
