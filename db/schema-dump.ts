// The schema as reviewers see it: one stable text from the catalog, so that the effect of a migration is a readable diff.
// It is documentation; the migrations are what is run.
import { Client } from 'pg';

const HEADER = `-- Generated from the migrations by "npm run generate". Do not edit.
`;

/** Each query answers rows of one text column \`text\`, in the order they are printed. */
const SECTIONS: readonly { title: string; sql: string }[] = [
  {
    title: 'tables',
    sql: `
      select format(E'create table %I (\\n%s\\n)%s;%s', c.relname, (
          select string_agg(part, E',\\n' order by kind, place) from (
            select 1 as kind, a.attnum::integer as place, format('  %I %s%s%s%s', a.attname,
              format_type(a.atttypid, a.atttypmod),
              case when a.attidentity = 'a' then ' generated always as identity' else '' end,
              coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), ''),
              case when a.attnotnull then ' not null' else '' end) as part
            from pg_attribute a
            left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
            where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            union all
            select 2, row_number() over (order by k.contype, k.conname)::integer,
              format('  constraint %I %s', k.conname, pg_get_constraintdef(k.oid))
            from pg_constraint k
            where k.conrelid = c.oid and k.contype <> 'n'
          ) as parts),
        coalesce(' with (' || array_to_string(c.reloptions, ', ') || ')', ''),
        (
          select coalesce(string_agg(format(E'\\ncomment on %s is %L;',
            case when m.objsubid = 0 then format('table %I', c.relname)
              else format('column %I.%I', c.relname, a.attname) end, m.description), '' order by m.objsubid), '')
          from pg_description m
          left join pg_attribute a on a.attrelid = c.oid and a.attnum = m.objsubid and m.objsubid > 0
          where m.objoid = c.oid and m.classoid = 'pg_class'::regclass)) as text
      from pg_class c
      where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
      order by c.relname collate "C"`,
  },
  {
    title: 'indexes',
    sql: `
      select pg_get_indexdef(i.indexrelid) || ';' as text
      from pg_index i
      join pg_class c on c.oid = i.indexrelid
      where c.relnamespace = 'public'::regnamespace
        and not exists (select 1 from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x'))
      order by c.relname collate "C"`,
  },
  {
    title: 'views',
    sql: `
      select format(E'create view %I as\\n%s%s', c.relname, pg_get_viewdef(c.oid),
        coalesce(format(E'\\ncomment on view %I is %L;', c.relname, obj_description(c.oid, 'pg_class')), '')) as text
      from pg_class c
      where c.relnamespace = 'public'::regnamespace and c.relkind = 'v'
      order by c.relname collate "C"`,
  },
  {
    title: 'functions',
    sql: `
      select rtrim(pg_get_functiondef(p.oid), E'\\n') || ';'
        || coalesce(format(E'\\ncomment on function %I(%s) is %L;', p.proname,
          pg_get_function_identity_arguments(p.oid), obj_description(p.oid, 'pg_proc')), '')
        || case when has_function_privilege('public', p.oid, 'execute') then E'\\n-- executable by public' else '' end
        as text
      from pg_proc p
      where p.pronamespace = 'public'::regnamespace and p.prokind = 'f'
      order by p.proname collate "C", pg_get_function_identity_arguments(p.oid)`,
  },
  {
    title: 'triggers',
    sql: `
      select pg_get_triggerdef(t.oid, true) || ';' as text
      from pg_trigger t
      join pg_class c on c.oid = t.tgrelid
      where c.relnamespace = 'public'::regnamespace and not t.tgisinternal
      order by c.relname collate "C", t.tgname collate "C"`,
  },
];

const STATEMENT_MS = 30_000;

/** The schema of a migrated database as text; the same for the same migrations, on any machine. */
export async function dumpSchema(connectionString: string): Promise<string> {
  const client = new Client({
    connectionString,
    application_name: 'holdfast-schema-dump',
    statement_timeout: STATEMENT_MS,
  });
  await client.connect();
  try {
    const sections: string[] = [HEADER];
    for (const { title, sql } of SECTIONS) {
      const { rows } = await client.query<{ text: string }>(sql);
      sections.push(`-- ${title}\n\n${rows.map((row) => row.text.trimEnd()).join('\n\n')}\n`);
    }
    return sections.join('\n');
  } finally {
    await client.end();
  }
}
