// The code blocks of a document.

export interface CodeBlock {
  /** The word behind the opening fence: `sh`, `js`. Empty: there is none, or the block is indented. */
  readonly language: string;
  readonly lines: readonly string[];
}

const FENCE = /^```(\w*)$/;
const INDENT = /^ {4}\S/;

export function codeBlocks(markdown: string): CodeBlock[] {
  const found: CodeBlock[] = [];
  let open: { language: string; lines: string[] } | null = null;
  for (const line of markdown.split('\n')) {
    const fence = FENCE.exec(line);
    if (fence !== null && open === null) {
      open = { language: fence[1] ?? '', lines: [] };
      found.push(open);
    } else if (fence !== null) open = null;
    else if (open !== null) open.lines.push(line);
    else if (INDENT.test(line)) found.push({ language: '', lines: [line.trim()] });
  }
  return found;
}
