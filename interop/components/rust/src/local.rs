//! What needs no network.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, fs, thread};

pub fn clocks() {
    let start = Instant::now();
    println!("{:?} since 1970", SystemTime::now().duration_since(UNIX_EPOCH).unwrap());
    thread::sleep(Duration::from_millis(20));
    let passed = start.elapsed();
    println!("slept at least 20 ms: {}", passed >= Duration::from_millis(20));
    println!("{} ns", passed.as_nanos());
    println!("resolution {} ns", wasip2::clocks::monotonic_clock::resolution());
}

pub fn random() {
    println!("{}", RandomState::new().hash_one(1));
    println!("{:?}", wasip2::random::random::get_random_bytes(9));
    println!("{}", wasip2::random::random::get_random_u64());
    println!("{:?}", wasip2::random::insecure::get_insecure_random_bytes(3));
    println!("{:?}", wasip2::random::insecure_seed::insecure_seed());
}

pub fn environment() {
    println!("{:?}", env::args().collect::<Vec<_>>());
    println!("{:?}", env::vars().collect::<Vec<_>>());
    println!("{:?}", wasip2::cli::environment::initial_cwd());
    eprintln!("{:?}", env::var("ABSENT"));
}

pub fn lines() {
    for (number, line) in io::stdin().lock().lines().enumerate() {
        let line = line.unwrap();
        println!("{number}: {line}");
        if line == "enough" {
            eprintln!("the rest is left");
            return;
        }
    }
}

pub fn whole() {
    let mut data = Vec::new();
    io::stdin().read_to_end(&mut data).unwrap();
    println!("{} bytes, hash {:x}", data.len(), hash(&data));
}

pub fn files() {
    println!("{:?}", fs::read_to_string("data/notes.txt").unwrap());
    println!("{:?}", fs::read_to_string("data/absent").unwrap_err().kind());
    println!("{:?}", fs::read_to_string("../secret").unwrap_err().kind());
    fs::create_dir_all("data/new/deep").unwrap();
    fs::write("data/new/one", "first\nsecond\n").unwrap();
    fs::OpenOptions::new().append(true).open("data/new/one").unwrap().write_all(b"third\n").unwrap();
    let mut file = fs::OpenOptions::new().read(true).write(true).open("data/new/one").unwrap();
    file.seek(SeekFrom::Start(6)).unwrap();
    file.write_all(b"SECOND").unwrap();
    file.seek(SeekFrom::End(-6)).unwrap();
    let mut rest = String::new();
    file.read_to_string(&mut rest).unwrap();
    file.set_len(13).unwrap();
    println!("{rest:?} {:?}", fs::read_to_string("data/new/one").unwrap());
    fs::rename("data/new/one", "data/new/two").unwrap();
    fs::copy("data/new/two", "data/new/three").unwrap();
    let mut names: Vec<_> = fs::read_dir("data/new").unwrap().map(|e| e.unwrap()).map(|e| (e.file_name(), e.file_type().unwrap().is_dir())).collect();
    names.sort();
    println!("{names:?} {} bytes", fs::metadata("data/new/three").unwrap().len());
    println!("{:?}", fs::metadata("data/new/three").unwrap().modified().unwrap());
    println!("{:?}", fs::remove_dir("data/new").unwrap_err().kind());
    fs::remove_dir_all("data/new").unwrap();
    println!("{}", fs::exists("data/new").unwrap());
}

pub fn panic() {
    print!("unfinished line");
    io::stdout().flush().unwrap();
    let empty: Vec<u8> = env::args().skip(100).map(|_| 0).collect();
    println!("{}", empty[1]);
}

pub fn trap() {
    println!("before the trap");
    core::arch::wasm32::unreachable()
}

pub fn bounds() {
    println!("before the end of memory");
    println!("{}", unsafe { std::ptr::read_volatile(0xffff_fff0 as *const u8) });
}

/// Takes memory until there is none.
pub fn memory() {
    println!("before the memory is used up");
    let mut kept = Vec::new();
    loop {
        kept.push(vec![1; 1 << 20]);
    }
}

/// Calls itself until the stack is used up.
pub fn overflow(depth: u64) -> u64 {
    let space = std::hint::black_box([depth; 64]);
    if depth == u64::MAX {
        return space[0];
    }
    overflow(depth + 1) + space[1]
}

/// FNV-1a.
pub fn hash(data: &[u8]) -> u64 {
    data.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3))
}
