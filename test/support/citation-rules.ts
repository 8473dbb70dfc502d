// Checks of citations: rules of the protocol are cited by number, files by name or path, sections of documents by anchor. These
// are functions from texts to complaints. tidy.test.ts runs them on the project, and on texts that break them.

import { posix } from 'node:path';
import { lineAt, type Quoted, type Text } from './source.ts';

export type TextRule = (texts: readonly Text[]) => string[];

const RULE_NUMBER = /\b[RSM]\d{1,2}\b/g;
/** A heading such as `### R3 Append`. */
const RULE_HEADING = /^#{2,6} ([RSM]\d{1,2})\b/gm;

/** Each rule that is cited anywhere, code included, is defined by one heading of a document. */
export const citedRules: TextRule = (texts) => {
  const complaints: string[] = [];
  const defined = new Set<string>();
  for (const { path, text } of documents(texts)) {
    for (const { index, 1: rule = '' } of text.matchAll(RULE_HEADING)) {
      if (defined.has(rule)) complaints.push(`${path}:${lineAt(text, index)}: ${rule} has a heading already`);
      defined.add(rule);
    }
  }
  for (const { path, text } of texts) {
    for (const { index, 0: rule } of text.matchAll(RULE_NUMBER)) {
      if (!defined.has(rule))
        complaints.push(`${path}:${lineAt(text, index)}: no heading in docs/ defines ${rule}`);
    }
  }
  return complaints;
};

/** A name or a path of a file that people write, with the anchor of a section if there is one. */
const FILE =
  /(?<![\w./:@*-])(?:\.{1,2}\/)*((?:[\w-][\w.-]*\/)*[\w-][\w.-]*\.(?:tsx?|[cm]?js|md|css|proto|ya?ml|sh))(?:#([\w-]+))?(?![\w-])/g;

/** Files of other projects. */
const FOREIGN = /^(Node\.js|protobuf\.js|zkServer\.sh|zkCli\.sh)$/;

/** Each file that a comment or a document names exists. Leading folders may be left out: `zk/lease.ts`. */
export const citedFiles: TextRule = (texts) => {
  const known = new Set(texts.flatMap(({ path }) => endingsOf(path)));
  return eachMatch(texts, FILE, ({ 1: cited = '' }) =>
    known.has(sourceOf(cited)) || FOREIGN.test(cited) ? null : `there is no file ${cited}`,
  );
};

const OWN_SECTION = /\]\(#([\w-]+)\)/g;

/** Each section that is cited by document and anchor, or linked to within its own document, has a heading. */
export const citedSections: TextRule = (texts) => {
  const anchors = new Map<string, ReadonlySet<string>>();
  for (const { path, text } of texts.filter(isMarkdown))
    for (const ending of endingsOf(path))
      anchors.set(ending, new Set([...(anchors.get(ending) ?? []), ...anchorsOf(text)]));
  const others = eachMatch(texts, FILE, ({ 1: cited = '', 2: anchor }) =>
    anchor === undefined || anchors.get(cited)?.has(anchor) ? null : `${cited} has no section #${anchor}`,
  );
  const own = eachMatch(texts.filter(isMarkdown), OWN_SECTION, ({ 1: anchor = '' }, { text }) =>
    anchorsOf(text).has(anchor) ? null : `there is no section #${anchor} here`,
  );
  return [...others, ...own];
};

const LINK = /\]\(([^)\s#]+)(?:#[^)\s]*)?\)/g;

/** Each relative link of a document leads from the document's folder to a file or a folder. */
export const links: TextRule = (texts) => {
  const places = new Set(texts.flatMap(({ path }) => [path, ...foldersOf(path)]));
  return eachMatch(texts.filter(isMarkdown), LINK, ({ 1: target = '' }, { path }) => {
    if (/^[a-z]+:/.test(target)) return null;
    const place = posix.join(posix.dirname(path), target).replace(/\/$/, '');
    return places.has(place) ? null : `the link leads nowhere: ${target}`;
  });
};

function documents(texts: readonly Text[]): readonly Text[] {
  return texts.filter(({ path }) => /^docs\/.*\.md$/.test(path));
}

function isMarkdown({ path }: Text): boolean {
  return path.endsWith('.md');
}

/** All ways to write a path with leading folders left out. */
function endingsOf(path: string): string[] {
  const parts = path.split('/');
  return parts.map((_, from) => parts.slice(from).join('/'));
}

function foldersOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, last) => parts.slice(0, last + 1).join('/'));
}

/** The source of a compiled file; any other path stays as it is. */
function sourceOf(path: string): string {
  const built = /^dist\/(.*?)(?:\.d\.ts|\.js)$/.exec(path);
  return built === null ? path : `${built[1]}.ts`;
}

/** The anchors that GitHub makes from headings. */
function anchorsOf(markdown: string): ReadonlySet<string> {
  const headings = markdown.matchAll(/^#{1,6} (.*)$/gm);
  return new Set(
    [...headings].map(([, title = '']) =>
      title
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** `complaint` returns what is wrong with a match in the prose of a text; null: nothing. */
function eachMatch(
  texts: readonly Text[],
  pattern: RegExp,
  complaint: (match: RegExpExecArray, text: Text) => string | null,
): string[] {
  return texts.flatMap((text) =>
    text.prose.flatMap((part: Quoted) =>
      [...part.text.matchAll(pattern)].flatMap((match) => {
        const fault = complaint(match, text);
        const line = part.line + lineAt(part.text, match.index) - 1;
        return fault === null ? [] : [`${text.path}:${line}: ${fault}`];
      }),
    ),
  );
}
