// One fault as a migration that comes after all others: the newest definition, edited.
import type { Planted } from './planted';

/** @throws Error when the schema has no such function or view, or an edit fits nowhere in it. */
export function migrationWith(schema: string, { edits }: Pick<Planted, 'edits'>): string {
  const definitions = new Map<string, string>();
  for (const { of, find, replace } of edits) {
    const definition = definitions.get(of) ?? definitionOf(schema, of);
    if (!definition.includes(find)) throw new Error(`${of} no longer has: ${find}`);
    definitions.set(of, definition.replaceAll(find, replace));
  }
  return `-- A planted fault.\n${[...definitions.values()].join('\n')}`;
}

function definitionOf(schema: string, name: string): string {
  const begins = [`CREATE OR REPLACE FUNCTION public.${name}(`, `create view ${name} as`];
  const from = Math.max(...begins.map((begin) => schema.indexOf(`\n${begin}`)));
  const to = schema.indexOf(`\ncomment on `, from);
  if (from < 0 || to < 0) throw new Error(`db/schema.sql has no ${name}`);
  return `${schema.slice(from, to).replace('create view', 'create or replace view')}\n`;
}
