// The scanner that the style rules use.

import test from 'ava';
import { lineAt, packageOf, scan, targetOf } from '../../support/source.ts';

/** `#{` is written in place of the placeholder of a template, which the linter reports in a plain string. */
function templated(text: string): string {
  return text.replaceAll('#{', '$' + '{');
}

const blanks = test.macro({
  exec(t, text: string, code: string, strings: readonly string[]) {
    const source = scan('a.ts', templated(text));
    t.is(source.code, templated(code));
    t.deepEqual(
      source.strings.map((quoted) => quoted.text),
      strings,
    );
  },
  title: (_, text: string) => `scans ${text.replaceAll('\n', '⏎')}`,
});

test(blanks, `a // 'b'\nc`, 'a       \nc', []);
test(blanks, `a /* "b\n */ c`, 'a      \n    c', []);
test(blanks, `f('a//b', "c'd")`, `f('    ', "   ")`, ['a//b', `c'd`]);
test(blanks, String.raw`f('a\'b') + c`, `f('    ') + c`, [String.raw`a\'b`]);
test(blanks, 'f(`a#{b + `c`}d`, e)', 'f(` #{b + ` `} `, e)', ['c', 'a']);
test(blanks, 'f(`#{{ a: 1 }}`) // x', 'f(`#{{ a: 1 }}`)     ', ['']);
test(blanks, String.raw`a.match(/[/'"]\/'/g) / 2 / b`, 'a.match(/        /g) / 2 / b', []);
test(blanks, `return /'/; // x`, 'return / /;     ', []);

test('imports in all their forms are found, with their lines', (t) => {
  const source = scan(
    'a/b.ts',
    [
      `import { x,`,
      `  y } from './x.ts';`,
      `import type { Z } from '../z.ts';`,
      `import 'side';`,
      `export * from "./w.ts";`,
      `const late = await import('late');`,
      `const worker = new URL('./worker.js', import.meta.url);`,
      `// import './comment.ts';`,
      `const text = "import './string.ts'";`,
    ].join('\n'),
  );
  t.deepEqual(source.imports.map(({ specifier, line, typeOnly }) => [specifier, line, typeOnly]).sort(), [
    ['../z.ts', 3, true],
    ['./w.ts', 5, false],
    ['./worker.js', 7, false],
    ['./x.ts', 1, false],
    ['late', 6, false],
    ['side', 4, false],
  ]);
});

test('what an import names', (t) => {
  t.is(targetOf('a/b/c.ts', '../d.ts'), 'a/d.ts');
  t.is(targetOf('a/b/c.ts', 'ws'), null);
  t.is(packageOf('@scope/name/deep'), '@scope/name');
  t.is(packageOf('name/deep.js'), 'name');
  t.is(packageOf('node:fs'), null);
  t.is(packageOf('./x.ts'), null);
  t.is(lineAt('a\nb\nc', 4), 3);
});
