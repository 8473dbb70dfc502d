// What a misspelt word was meant to be.

import test from 'ava';
import { nearestWord } from '../../../common/base/nearest-word.ts';

const WORDS = ['deadlineMs', 'ifRevision', 'signal', 'put'];

const near = test.macro({
  exec: (t, word: string, expected: string | null) => t.is(nearestWord(word, WORDS), expected),
  title: (_, word: string, expected: string | null) =>
    `${word.slice(0, 20)} was meant to be ${expected ?? 'nothing'}`,
});

test(near, 'ifrevision', 'ifRevision');
test(near, 'deadline', 'deadlineMs');
test(near, 'sginal', 'signal');
test(near, 'putt', 'put');
test(near, 'get', null);
test(near, '', null);
test(near, 'x'.repeat(1_000_000), null);
