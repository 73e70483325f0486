// A throw-away copy of the project's lint and type settings, in which a test plants files to see them refused.
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export const PROJECT = path.resolve(__dirname, '../..');

export interface PlantedTree {
  folder: string;
  remove(): void;
}

export interface Diagnostic {
  message: string;
  code: string;
  filename: string;
}

/** @param files path within the tree -> text. */
export function plantTree(files: Readonly<Record<string, string>>): PlantedTree {
  const folder = mkdtempSync(path.join(tmpdir(), 'holdfast-planted-'));
  for (const name of ['.oxlintrc.json', 'tsconfig.json', 'package.json']) {
    cpSync(path.join(PROJECT, name), path.join(folder, name));
  }
  symlinkSync(path.join(PROJECT, 'node_modules'), path.join(folder, 'node_modules'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Runs the linter once over the tree's folders, as `npm run lint` does. */
export async function lintTree(tree: PlantedTree, folders: readonly string[]): Promise<Diagnostic[]> {
  const { stdout } = await runTool(tree, 'oxlint', ['--type-aware', '--format', 'json', ...folders]);
  const report: unknown = JSON.parse(stdout);
  return (report as { diagnostics: Diagnostic[] }).diagnostics;
}

/** Runs one of the project's tools in the tree; a non-zero exit is an answer, not an error. */
export async function runTool(
  tree: PlantedTree,
  tool: string,
  args: readonly string[],
): Promise<{ code: number; stdout: string }> {
  const executable = path.join(PROJECT, 'node_modules', '.bin', tool);
  return new Promise((resolve, reject) => {
    execFile(executable, args, { cwd: tree.folder, timeout: 60_000 }, (error, stdout) => {
      if (error !== null && typeof error.code !== 'number') reject(error);
      else resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout });
    });
  });
}
