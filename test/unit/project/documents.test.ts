// Tables and lists in docs/ that list things of the code or of other documents: none is missing, and none is listed that no longer
// exists.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { ERROR_TABLE } from '../../../common/base/errors.ts';
import { paths, SKELETON } from '../../../common/zk/znodes.ts';
import { ROOT } from '../../support/source.ts';

/** The cells of each row of a document's tables whose first cell is code. */
function rowsOf(document: string): readonly (readonly string[])[] {
  return readFileSync(join(ROOT, 'docs', document), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

test('client.md has a row for each error code, and says whether the write may have been applied', (t) => {
  const listed = rowsOf('client.md')
    .filter(([code = '']) => /^`[A-Z_]+`$/.test(code))
    .map(([code, applied]) => [code, applied]);
  const real = Object.entries(ERROR_TABLE).map(([code, { applied }]) => [`\`${code}\``, applied]);
  t.deepEqual(listed.toSorted(), real.toSorted());
});

test('zookeeper.md has a row for each znode', (t) => {
  const listed = rowsOf('zookeeper.md').flatMap(([path = '']) => (path.startsWith('`/') ? [path] : []));
  const real = [
    paths.cluster,
    `${paths.coordinatorPrefix('<session>')}<number>`,
    paths.coordinatorEpoch,
    paths.node('<id>'),
    paths.live('<id>'),
    paths.health('<id>'),
    paths.load('<id>'),
    paths.generation('<id>'),
    paths.namespace('<name>'),
    `${paths.ranges('<name>')}/<id>`,
    paths.task('<id>'),
    `${paths.eventPrefix}<number>`,
    paths.rebuilding,
  ].map((path) => `\`${path}\``);
  t.deepEqual(listed, real);
  for (const folder of SKELETON)
    t.true(
      real.some((path) => path.startsWith(`\`${folder}/`)),
      folder,
    );
});

const DECISIONS = join(ROOT, 'docs', 'decisions');
const INDEX = 'README.md';
/** The parts of a document that a heading of the second level begins, each without its `## `. */
const partsOf = (document: string): readonly string[] =>
  readFileSync(join(DECISIONS, document), 'utf8').split(/^## /m).slice(1);
const topics = readdirSync(DECISIONS).filter((name) => name !== INDEX);

test('the index of decisions has a line for each one, in the order of its document', (t) => {
  const listed = partsOf(INDEX).map((part) => {
    const [, document = ''] = /^\[[^\]]+\]\(([\w-]+\.md)\)/.exec(part) ?? [];
    const claims = [...part.matchAll(/^- \[(.+)\]\(([\w-]+\.md)#[\w-]+\)$/gm)];
    t.true(
      claims.every(([, , target]) => target === document),
      document,
    );
    return [document, claims.map(([, claim]) => claim)] as const;
  });
  const real = topics.map((topic) => [topic, partsOf(topic).map((part) => part.split('\n', 1)[0])] as const);
  t.deepEqual(Object.fromEntries(listed), Object.fromEntries(real));
});

test('each decision has its date', (t) => {
  const undated = topics.flatMap(partsOf).filter((part) => !/^.+\n\n\*\d{4}-\d\d-\d\d\.\* \S/.test(part));
  t.deepEqual(undated, []);
});
