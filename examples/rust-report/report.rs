//! report counts the words of a text file and of stdin and prints the most
//! frequent ones under a timestamp: `report FILE`. A missing file is exit code 2.

use std::collections::HashMap;
use std::io::{self, Read};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs};

/// How many words the report lists.
const TOP: usize = 5;

// HashMap draws its hash keys from the host's randomness, so the order of
// iteration differs from run to run; the sort below makes the report stable.
fn count(text: &str) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        if !word.is_empty() {
            *counts.entry(word.to_lowercase()).or_default() += 1;
        }
    }
    counts
}

fn print_report(name: &str, text: &str) {
    let counts = count(text);
    println!(
        "{name}: {} lines, {} words, {} different",
        text.lines().count(),
        counts.values().sum::<usize>(),
        counts.len()
    );
    let mut top: Vec<_> = counts.into_iter().collect();
    top.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    for (word, n) in top.iter().take(TOP) {
        println!("{n:6} {word}");
    }
}

fn report(path: &str) -> io::Result<()> {
    let text = fs::read_to_string(path)?;
    let mut input = String::new();
    io::stdin().read_to_string(&mut input)?;

    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    println!("report at {}.{:09} s since 1970", now.as_secs(), now.subsec_nanos());
    print_report(path, &text);
    if !input.is_empty() {
        print_report("stdin", &input);
    }
    Ok(())
}

fn main() -> ExitCode {
    let Some(path) = env::args().nth(1) else {
        eprintln!("usage: report FILE");
        return ExitCode::from(64);
    };
    match report(&path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("report: {path}: {err}");
            ExitCode::from(2)
        }
    }
}
