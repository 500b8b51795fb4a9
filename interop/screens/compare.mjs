// Draws the cases that "screens show" prints on the terminal of xterm.js, without a
// browser and with the addon for grapheme clusters, and compares every cell.
//
//	screens show < CASES | node compare.mjs [--show N]
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

// The addon reads its table from the start of the memory that a Buffer lies in.
// A pool puts others before it, and nothing beyond U+FFFF is found.
Buffer.poolSize = 0;

const require = createRequire(import.meta.url);
const { Terminal } = require("@xterm/headless");
const { UnicodeGraphemesAddon } = require("@xterm/addon-unicode-graphemes");

const shown = Number(process.argv[3] ?? 3);

function color(mode, value) {
  switch (mode >> 24) {
    case 0: return "default";
    case 3: return "#" + value.toString(16).padStart(6, "0");
    default: return String(value);
  }
}

function underlineColor(cell) {
  const c = cell.extended.underlineColor;
  const mode = c & 0x3000000;
  if (mode === 0 || (c & 0x3ffffff) === 0x3ffffff) return "default"; // SGR 59 sets all bits
  return color(mode, mode === 0x3000000 ? c & 0xffffff : c & 0xff);
}

// The order of the attributes in our set of them; the fifth is a faster blink, which xterm.js lacks.
const attributes = ["isBold", "isDim", "isItalic", "isBlink", "", "isInverse", "isInvisible", "isStrikethrough", "isOverline"];

function quote(s) {
  return '"' + s.replace(/["\\]/g, "\\$&") + '"';
}

// Half of a wide character whose other half was overwritten is a blank.
function describe(cell, after) {
  const width = cell.getWidth() || (after === 2 ? 0 : 1);
  const text = width === 0 ? "" : cell.getChars() || " ";
  const kind = cell.isUnderline() ? cell.extended.underlineStyle || 1 : 0;
  const attrs = attributes.reduce((sum, name, i) => sum + (name && cell[name]() ? 1 << i : 0), 0);
  return [width, quote(text), color(cell.getFgColorMode(), cell.getFgColor()), color(cell.getBgColorMode(), cell.getBgColor()),
    kind, kind ? underlineColor(cell) : "default", attrs].join(" ");
}

const blank = '1 " " default default 0 default 0';

async function draw(c) {
  const t = new Terminal({ cols: c.cols, rows: c.rows, scrollback: 0, allowProposedApi: true, logLevel: "off" });
  t.loadAddon(new UnicodeGraphemesAddon());
  for (const s of c.steps) {
    if (s.write) await new Promise((done) => t.write(Buffer.from(s.write, "base64"), done));
    if (s.cols) t.resize(s.cols, s.rows);
  }
  const b = t.buffer.active;
  const lines = [`cursor ${Math.min(b.cursorX, t.cols - 1)},${b.cursorY} ${!t._core.coreService.isCursorHidden}`];
  let cell;
  for (let y = 0; y < t.rows; y++) {
    for (let x = 0, before = 1; x < t.cols; x++) {
      cell = b.getLine(b.baseY + y).getCell(x, cell);
      const text = describe(cell, before);
      before = cell.getWidth();
      if (text !== blank) lines.push(`${x},${y} ${text}`);
    }
  }
  t.dispose();
  return lines;
}

// Our quotes escape what is not printable; both sides are brought to one form.
const plain = (line) => line.replace(/\\(?:u([0-9a-f]{4})|U([0-9a-f]{8}))/g, (_, u, U) => String.fromCodePoint(parseInt(u ?? U, 16)));

let cases = 0, cells = 0, failed = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const c = JSON.parse(line);
  const ours = c.screen.map(plain), theirs = await draw(c);
  cases++;
  cells += c.cols * c.rows;
  const differ = [...ours.filter((l) => !theirs.includes(l)).map((l) => "  ours    " + l), ...theirs.filter((l) => !ours.includes(l)).map((l) => "  xterm.js " + l)];
  if (differ.length === 0) continue;
  if (failed++ < shown) {
    console.log(`${c.name}: ${c.cols}x${c.rows}`);
    for (const s of c.steps) console.log("  write  ", JSON.stringify(Buffer.from(s.write ?? "", "base64").toString()));
    console.log(differ.slice(0, 12).join("\n"));
  }
}
console.log(`${cases} screens, ${cells} cells: ${failed} differ`);
process.exit(failed || !cases ? 1 : 0);
