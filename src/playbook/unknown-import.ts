import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, resolve, sep } from 'node:path';
import { codeExtension, codeRoot } from '../shared/own-package.ts';
import { nearest } from '../shared/suggest.ts';

export interface ImportProblem {
  readonly found?: string | undefined;
  readonly hint?: string | undefined;
}

/** What an import that leads nowhere found instead, and what was probably meant. */
export function describeUnknownImport(specifier: string, importer: string): ImportProblem {
  if (/^\.{0,2}\//.test(specifier)) return describeFile(specifier, importer);
  if (specifier.startsWith('labwright/roles/')) return describeRole(specifier.slice('labwright/roles/'.length));
  if (specifier.startsWith('node:'))
    return {
      hint: didYouMean(
        specifier,
        builtinModules.map((name) => `node:${name}`),
      ),
    };
  return describePackage(specifier, importer);
}

/** Follows the path to its first missing part and looks beside that for a similar name. */
function describeFile(specifier: string, importer: string): ImportProblem {
  const parts = resolve(dirname(importer), specifier).split(sep);
  for (let depth = 1; depth <= parts.length; depth++) {
    const part = parts[depth - 1] ?? '';
    const folder = parts.slice(0, depth - 1).join(sep) || sep;
    if (existsSync(join(folder, part))) continue;
    const isFile = depth === parts.length;
    const names = entries(folder, isFile);
    const near = nearest(part, names) ?? nearest(`${part}.ts`, names);
    const found = isFile ? `no such file in ${folder}` : `no folder ${join(folder, part)}`;
    if (near !== undefined) return { found, hint: `did you mean "${replacePart(specifier, part, near)}"?` };
    return { found, ...(isFile && names.length > 0 && { hint: `in that folder: ${names.slice(0, 10).join(', ')}` }) };
  }
  return { found: 'a folder, which cannot be imported', hint: 'name a file in it' };
}

function entries(folder: string, files: boolean): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => (files ? /\.([cm]?[jt]s|json)$/.test(entry.name) : entry.isDirectory()))
      .map((entry) => entry.name)
      .sort();
  } catch {
    return [];
  }
}

function replacePart(specifier: string, part: string, by: string): string {
  const at = specifier.lastIndexOf(part);
  return specifier.slice(0, at) + by + specifier.slice(at + part.length);
}

function describeRole(name: string): ImportProblem {
  const folder = join(codeRoot, 'roles');
  const roles = entries(folder, false).filter((role) => existsSync(join(folder, role, `role${codeExtension}`)));
  const near = nearest(name, roles);
  if (near !== undefined) return { hint: `did you mean "labwright/roles/${near}"?` };
  return { hint: roles.length === 0 ? 'no roles are built in' : `roles of labwright: ${roles.join(', ')}` };
}

function describePackage(specifier: string, importer: string): ImportProblem {
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  const near = didYouMean(name, [...dependenciesAbove(importer), ...builtinModules, 'labwright']);
  return { hint: near ?? `npm install ${name}, or write "./${specifier}" if it is a file of yours` };
}

function didYouMean(name: string, candidates: readonly string[]): string | undefined {
  const near = nearest(
    name,
    candidates.filter((candidate) => candidate !== name),
  );
  return near === undefined ? undefined : `did you mean "${near}"?`;
}

/** Names of the dependencies in the nearest package.json. */
function dependenciesAbove(file: string): string[] {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (!existsSync(manifest)) continue;
    try {
      const { dependencies, devDependencies } = JSON.parse(readFileSync(manifest, 'utf8')) as Record<string, object>;
      return Object.keys({ ...dependencies, ...devDependencies });
    } catch {
      return [];
    }
  }
  return [];
}
