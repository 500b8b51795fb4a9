// A text editor for a terminal of a WASI command: no file system, no raw mode to
// set, only bytes in and out, and a clock to wait for.
//
//     arrows, Home, End, PageUp, PageDown, mouse    move
//     Ctrl-K, Ctrl-V                                cut a line, paste it
//     Ctrl-Z                                        undo
//     Ctrl-F                                        find, Enter goes to the next
//     Ctrl-Q                                        quit
//
// Size changes come in band (mode 2048), text from the clipboard in brackets
// (mode 2004). A lone Escape is told from the start of a sequence by waiting 50 ms.

use std::env;
use std::io::{self, Read, Write};

const HELP: &str = " ^F find  ^K cut  ^V paste  ^Z undo  ^Q quit";

const WELCOME: &str = "The quick brown fox
jumps over the lazy dog.

fn main() {
    // Words in quotes and numbers are colored.
    let greeting = \"Hello, world!\";
    for i in 0..10 {
        println!(\"{greeting} {i}\");
    }
}

漢字 and かな are two columns wide, ❤️ and 🇩🇪 and 👩‍👩‍👧 as well.";

#[link(wasm_import_module = "wasi_snapshot_preview1")]
extern "C" {
    fn poll_oneoff(subs: *const Subscription, events: *mut [u64; 4], n: u32, count: *mut u32) -> u16;
    fn clock_time_get(id: u32, precision: u64, time: *mut u64) -> u16;
}

#[repr(C)]
struct Subscription {
    userdata: u64,
    tag: u64,
    // Of a clock: which, how long, how precisely, how to count. Of a descriptor:
    // which.
    what: u64,
    timeout: u64,
    precision: u64,
    flags: u64,
}

const CLOCK: u64 = 0;
const READ: u64 = 1;
const MONOTONIC: u64 = 1;
const MS: u64 = 1_000_000;

fn now() -> u64 {
    let mut t = 0;
    unsafe { clock_time_get(MONOTONIC as u32, 0, &mut t) };
    t
}

// typed waits until something can be read, and is false if time is over before.
fn typed(timeout: u64) -> bool {
    let subs = [
        Subscription { userdata: READ, tag: READ, what: 0, timeout: 0, precision: 0, flags: 0 },
        Subscription { userdata: CLOCK, tag: CLOCK, what: MONOTONIC, timeout, precision: 0, flags: 0 },
    ];
    let (mut events, mut n) = ([[0u64; 4]; 2], 0);
    unsafe { poll_oneoff(subs.as_ptr(), events.as_mut_ptr(), 2, &mut n) };
    events[..n as usize].iter().any(|e| e[0] == READ)
}

enum Input {
    Char(char),
    Ctrl(u8),
    Move(u8),       // the letter of a cursor key
    Page(i32),      // -1 up, 1 down
    Delete,
    Escape,
    Paste(String),
    Mouse { code: u32, column: usize, row: usize, press: bool },
    Resize { columns: usize, rows: usize },
    Tick,
    Unknown,
    End,
}

// Keys cuts what was typed into keys.
struct Keys {
    pending: Vec<u8>,
}

impl Keys {
    fn fill(&mut self) -> bool {
        let mut buf = [0; 1024];
        let n = io::stdin().read(&mut buf).unwrap_or(0);
        self.pending.extend_from_slice(&buf[..n]);
        n > 0
    }

    fn next(&mut self, timeout: u64) -> Input {
        if self.pending.is_empty() {
            if !typed(timeout) {
                return Input::Tick;
            }
            if !self.fill() {
                return Input::End;
            }
        }
        match self.pending[0] {
            0x1b => self.sequence(),
            b @ (0..=0x1f | 0x7f) => {
                self.pending.remove(0);
                Input::Ctrl(b)
            }
            _ => self.character(),
        }
    }

    fn character(&mut self) -> Input {
        let width = match self.pending[0] {
            0..=0x7f => 1,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            _ => 4,
        };
        while self.pending.len() < width && self.fill() {}
        let bytes: Vec<u8> = self.pending.drain(..width.min(self.pending.len())).collect();
        match std::str::from_utf8(&bytes).ok().and_then(|s| s.chars().next()) {
            Some(c) => Input::Char(c),
            None => Input::Unknown,
        }
    }

    fn sequence(&mut self) -> Input {
        if self.pending.len() == 1 && !(typed(50 * MS) && self.fill()) {
            self.pending.clear();
            return Input::Escape;
        }
        if self.pending[1] != b'[' && self.pending[1] != b'O' {
            self.pending.remove(0);
            return Input::Escape;
        }
        let end = loop {
            if let Some(i) = self.pending[2..].iter().position(|b| (0x40..0x7f).contains(b)) {
                break i + 2;
            }
            if !self.fill() {
                return Input::End;
            }
        };
        let all: Vec<u8> = self.pending.drain(..=end).collect();
        let text = String::from_utf8_lossy(&all[2..end]).into_owned();
        let numbers: Vec<usize> = text.trim_start_matches('<').split(';').map(|s| s.parse().unwrap_or(0)).collect();
        match (all[end], numbers[0]) {
            (b'~', 200) => self.paste(),
            (b'~', 5) => Input::Page(-1),
            (b'~', 6) => Input::Page(1),
            (b'~', 3) => Input::Delete,
            (b @ (b'A' | b'B' | b'C' | b'D' | b'F' | b'H'), _) => Input::Move(b),
            (b @ (b'M' | b'm'), code) if numbers.len() == 3 => Input::Mouse {
                code: code as u32,
                column: numbers[1].saturating_sub(1),
                row: numbers[2].saturating_sub(1),
                press: b == b'M',
            },
            (b't', 48) if numbers.len() >= 3 => Input::Resize { rows: numbers[1], columns: numbers[2] },
            _ => Input::Unknown,
        }
    }

    fn paste(&mut self) -> Input {
        let end = b"\x1b[201~";
        loop {
            if let Some(i) = self.pending.windows(end.len()).position(|w| w == end) {
                let text: Vec<u8> = self.pending.drain(..i + end.len()).take(i).collect();
                return Input::Paste(String::from_utf8_lossy(&text).replace('\r', "\n"));
            }
            if !self.fill() {
                return Input::End;
            }
        }
    }
}

// width is the number of columns of a character. It knows what people type, not
// all of Unicode.
fn width(c: char) -> usize {
    match c as u32 {
        0x300..=0x36f | 0x200d | 0xfe0f | 0x1f3fb..=0x1f3ff => 0,
        0x1100..=0x115f | 0x2e80..=0x303e | 0x3041..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xff00..=0xff60 | 0x1f300..=0x1faff => 2,
        _ => 1,
    }
}

// cluster is the number of characters from i on that one cell shows, and its width.
fn cluster(line: &[char], i: usize) -> (usize, usize) {
    let flag = |c: char| ('\u{1f1e6}'..='\u{1f1ff}').contains(&c);
    if flag(line[i]) && i + 1 < line.len() && flag(line[i + 1]) {
        return (2, 2);
    }
    let (mut n, mut w) = (1, width(line[i]).max(1));
    while i + n < line.len() {
        let c = line[i + n];
        if c == '\u{fe0f}' {
            w = 2;
        }
        if width(c) != 0 && line[i + n - 1] != '\u{200d}' {
            break;
        }
        n += 1;
    }
    (n, w)
}

#[derive(Clone)]
struct Text {
    lines: Vec<Vec<char>>,
    x: usize, // in characters
    y: usize,
}

impl Text {
    fn insert(&mut self, c: char) {
        if c == '\n' {
            let rest = self.lines[self.y].split_off(self.x);
            self.lines.insert(self.y + 1, rest);
            self.y += 1;
            self.x = 0;
        } else {
            self.lines[self.y].insert(self.x, c);
            self.x += 1;
        }
    }

    fn delete(&mut self) {
        if self.x < self.lines[self.y].len() {
            let (n, _) = cluster(&self.lines[self.y], self.x);
            self.lines[self.y].drain(self.x..self.x + n);
        } else if self.y + 1 < self.lines.len() {
            let next = self.lines.remove(self.y + 1);
            self.lines[self.y].extend(next);
        }
    }

    // left is false at the start of the text.
    fn left(&mut self) -> bool {
        if self.x > 0 {
            self.x = self.starts().into_iter().rev().find(|&s| s < self.x).unwrap_or(0);
        } else if self.y > 0 {
            self.y -= 1;
            self.x = self.lines[self.y].len();
        } else {
            return false;
        }
        true
    }

    fn right(&mut self) {
        if self.x < self.lines[self.y].len() {
            self.x += cluster(&self.lines[self.y], self.x).0;
        } else if self.y + 1 < self.lines.len() {
            self.y += 1;
            self.x = 0;
        }
    }

    fn starts(&self) -> Vec<usize> {
        let (line, mut i, mut all) = (&self.lines[self.y], 0, vec![]);
        while i < line.len() {
            all.push(i);
            i += cluster(line, i).0;
        }
        all
    }

    fn column(&self) -> usize {
        self.starts().into_iter().filter(|&s| s < self.x).map(|s| cluster(&self.lines[self.y], s).1).sum()
    }

    // go moves to a row and a column of it.
    fn go(&mut self, y: usize, column: usize) {
        self.y = y.min(self.lines.len() - 1);
        let mut at = 0;
        self.x = self.lines[self.y].len();
        for s in self.starts() {
            at += cluster(&self.lines[self.y], s).1;
            if at > column {
                self.x = s;
                break;
            }
        }
    }
}

struct Editor {
    text: Text,
    undo: Vec<Text>,
    clip: Vec<char>,
    find: Option<String>, // what is being searched for
    note: String,
    columns: usize,
    rows: usize,
    top: usize,
    left: usize, // columns that are scrolled off
    changes: usize,
    quit: bool,
}

// The build with a mistake in it leaves out the color behind line numbers and
// draws them one column too narrow.
#[cfg(not(mistake))]
const GUTTER: usize = 5;
#[cfg(mistake)]
const GUTTER: usize = 4;

impl Editor {
    fn height(&self) -> usize {
        self.rows.saturating_sub(2).max(1)
    }

    fn change(&mut self) {
        self.undo.push(self.text.clone());
        if self.undo.len() > 100 {
            self.undo.remove(0);
        }
        self.changes += 1;
    }

    fn handle(&mut self, input: Input) {
        self.note.clear();
        if self.find.is_some() && self.search(&input) {
            return;
        }
        match input {
            Input::Char(c) => {
                self.change();
                self.text.insert(c);
            }
            Input::Paste(s) => {
                self.change();
                s.chars().for_each(|c| self.text.insert(c));
                self.note = format!("pasted {} characters", s.chars().count());
            }
            Input::Ctrl(b) => self.control(b),
            Input::Delete => {
                self.change();
                self.text.delete();
            }
            Input::Move(b) => self.step(b),
            Input::Page(n) => {
                let (y, column) = (self.text.y as i32 + n * self.height() as i32, self.text.column());
                self.text.go(y.max(0) as usize, column);
            }
            Input::Mouse { code, column, row, press } => self.mouse(code, column, row, press),
            Input::Resize { columns, rows } => {
                self.columns = columns.max(GUTTER + 2);
                self.rows = rows.max(3);
            }
            Input::End => self.quit = true,
            Input::Escape | Input::Tick | Input::Unknown => {}
        }
    }

    fn control(&mut self, b: u8) {
        match b {
            b'\r' | b'\n' => {
                self.change();
                self.text.insert('\n');
            }
            b'\t' => {
                self.change();
                (0..4).for_each(|_| self.text.insert(' '));
            }
            0x7f | 8 => {
                self.change();
                if self.text.left() {
                    self.text.delete();
                }
            }
            6 => self.find = Some(String::new()),
            11 => {
                self.change();
                self.text.x = 0;
                self.clip = std::mem::take(&mut self.text.lines[self.text.y]);
                self.text.delete();
            }
            22 => {
                self.change();
                for c in self.clip.clone() {
                    self.text.insert(c);
                }
                self.text.insert('\n');
            }
            26 => match self.undo.pop() {
                Some(text) => self.text = text,
                None => self.note = "nothing to undo".into(),
            },
            17 => self.quit = true,
            _ => self.note = format!("^{} does nothing", (b + 64) as char),
        }
    }

    fn step(&mut self, key: u8) {
        let (y, column) = (self.text.y, self.text.column());
        match key {
            b'A' if y > 0 => self.text.go(y - 1, column),
            b'B' => self.text.go(y + 1, column),
            b'C' => self.text.right(),
            b'D' => {
                self.text.left();
            }
            b'H' => self.text.x = 0,
            b'F' => self.text.x = self.text.lines[y].len(),
            _ => {}
        }
    }

    fn mouse(&mut self, code: u32, column: usize, row: usize, press: bool) {
        match code {
            0 if press && row < self.height() && column >= GUTTER => {
                self.text.go(self.top + row, column - GUTTER + self.left)
            }
            64 => self.text.go(self.text.y.saturating_sub(3), self.text.column()),
            65 => self.text.go(self.text.y + 3, self.text.column()),
            _ => {}
        }
    }

    // search is false for what ends it.
    fn search(&mut self, input: &Input) -> bool {
        let Some(mut what) = self.find.take() else { return false };
        match input {
            Input::Char(c) => what.push(*c),
            Input::Ctrl(0x7f) => {
                what.pop();
            }
            Input::Ctrl(b'\r') => self.text.right(),
            Input::Tick | Input::Unknown => {
                self.find = Some(what);
                return true;
            }
            Input::Escape => return true,
            _ => return false,
        }
        self.seek(&what);
        self.find = Some(what);
        true
    }

    // seek goes to the next place, from the cursor on and around the end.
    fn seek(&mut self, what: &str) {
        let what: Vec<char> = what.chars().collect();
        if what.is_empty() {
            return;
        }
        let n = self.text.lines.len();
        for i in 0..=n {
            let y = (self.text.y + i) % n;
            let from = if i == 0 { self.text.x } else { 0 };
            let line = &self.text.lines[y];
            if let Some(x) = (from..line.len()).find(|&x| line[x..].starts_with(&what)) {
                self.text.y = y;
                self.text.x = x;
                return;
            }
        }
        self.note = "not found".into();
    }

    fn draw(&mut self) -> String {
        let (height, room) = (self.height(), self.columns - GUTTER);
        self.top = self.top.clamp((self.text.y + 1).saturating_sub(height), self.text.y);
        let column = self.text.column();
        self.left = match column < room {
            true => 0,
            false => self.left.clamp(column + 1 - room, column),
        };
        let mut out = String::from("\x1b[?25l\x1b[H");
        for row in 0..height {
            out += &format!("\x1b[{};1H", row + 1);
            match self.text.lines.get(self.top + row) {
                Some(line) => {
                    out += &gutter(self.top + row + 1, self.top + row == self.text.y);
                    draw_line(&mut out, line, self.left, room);
                }
                None => out += "\x1b[34m~\x1b[m",
            }
            out += "\x1b[m\x1b[K";
        }
        out += &self.bars();
        out + &format!("\x1b[{};{}H\x1b[?25h", self.text.y - self.top + 1, GUTTER + column - self.left + 1)
    }

    fn bars(&self) -> String {
        let left = format!(" {} lines, {} changes ", self.text.lines.len(), self.changes);
        let seconds = now() / 1000 / MS;
        let right = format!(" {}:{} {:02}:{:02} ", self.text.y + 1, self.text.column() + 1, seconds / 60, seconds % 60);
        let gap = self.columns.saturating_sub(left.len() + right.len());
        let below = match &self.find {
            Some(what) => format!(" find: {what}"),
            None if self.note.is_empty() => HELP.into(),
            None => format!(" {}", self.note),
        };
        let cut = |s: String| s.chars().take(self.columns).collect::<String>();
        format!(
            "\x1b[{};1H\x1b[7m{}\x1b[m\x1b[{};1H\x1b[2m{}\x1b[m\x1b[K",
            self.rows - 1, cut(left + &" ".repeat(gap) + &right), self.rows, cut(below)
        )
    }
}

#[cfg(not(mistake))]
fn gutter(number: usize, current: bool) -> String {
    let color = if current { "1;33;48;5;236" } else { "38;5;244;48;5;236" };
    format!("\x1b[{color}m{number:>4}\x1b[m ")
}

#[cfg(mistake)]
fn gutter(number: usize, current: bool) -> String {
    let color = if current { "1;33" } else { "38;5;244" };
    format!("\x1b[{color}m{number:>3}\x1b[m ")
}

// draw_line draws what fits, words in quotes and numbers in color.
fn draw_line(out: &mut String, line: &[char], left: usize, room: usize) {
    let (mut i, mut at, mut quoted) = (0, 0, false);
    let comment = (0..line.len()).find(|&i| line[i..].starts_with(&['/', '/'])).unwrap_or(line.len());
    while i < line.len() {
        let (n, w) = cluster(line, i);
        let opens = line[i] == '"' && !quoted;
        quoted ^= line[i] == '"' && i < comment;
        if at >= left && at + w <= left + room {
            *out += match line[i] {
                _ if i >= comment => "\x1b[3;38;5;244m",
                _ if quoted || opens || line[i] == '"' => "\x1b[32m",
                '0'..='9' => "\x1b[35m",
                _ => "\x1b[m",
            };
            out.extend(&line[i..i + n]);
        }
        at += w;
        i += n;
    }
}

fn size(name: &str, otherwise: usize) -> usize {
    env::var(name).ok().and_then(|s| s.parse().ok()).unwrap_or(otherwise)
}

fn main() {
    let lines = WELCOME.lines().map(|l| l.chars().collect()).collect();
    let mut editor = Editor {
        text: Text { lines, x: 0, y: 0 },
        undo: vec![],
        clip: vec![],
        find: None,
        note: String::new(),
        columns: size("COLUMNS", 80).max(GUTTER + 2),
        rows: size("LINES", 24).max(3),
        top: 0,
        left: 0,
        changes: 0,
        quit: false,
    };
    let mut keys = Keys { pending: vec![] };
    let show = |s: &str| {
        let mut out = io::stdout().lock();
        let _ = out.write_all(s.as_bytes()).and_then(|_| out.flush());
    };
    show("\x1b[?1049h\x1b[?2048h\x1b[?2004h\x1b[?1000h\x1b[?1006h\x1b]2;editor\x07");
    while !editor.quit {
        show(&editor.draw());
        // The clock in the bar is drawn once a second.
        let input = keys.next(1000 * MS - now() % (1000 * MS));
        editor.handle(input);
    }
    show("\x1b[?1006l\x1b[?1000l\x1b[?2004l\x1b[?2048l\x1b[?1049l");
    show(&format!("{} changes.\n", editor.changes));
}
