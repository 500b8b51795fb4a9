//! What needs no network.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, fs, thread};
use wasip2::clocks::wall_clock::Datetime;
use wasip2::filesystem::types::{DescriptorFlags, NewTimestamp, OpenFlags, PathFlags};
use wasip2::io::poll::poll;

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

/// Waits for stdin and for a timer at once, until stdin ends.
pub fn pauses() {
    let stdin = wasip2::cli::stdin::get_stdin();
    let ready = stdin.subscribe();
    let (mut waits, mut read) = (0, Vec::new());
    loop {
        let timer = wasip2::clocks::monotonic_clock::subscribe_duration(10_000_000);
        if poll(&[&ready, &timer]) == [1] {
            waits += 1;
            continue;
        }
        match stdin.read(100) {
            Ok(piece) => read.extend(piece),
            Err(_) => break,
        }
    }
    println!("waited {waits} times; ready at the end: {}", ready.ready());
    println!("{:?}", String::from_utf8_lossy(&read));
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

pub fn links() {
    let (root, _) = wasip2::filesystem::preopens::get_directories().remove(0);
    println!("{:?}", root.symlink_at("notes.txt", "link"));
    println!("{:?}", root.symlink_at("/etc/passwd", "absolute"));
    println!("{:?}", root.symlink_at("../secret", "out"));
    println!("{:?} {:?}", root.readlink_at("link"), fs::read_to_string("data/link"));
    println!("{:?}", fs::read_to_string("data/out").map_err(|e| e.kind()));
    println!("{:?}", root.link_at(PathFlags::empty(), "notes.txt", &root, "hard"));
    let (a, b) = (root.metadata_hash_at(PathFlags::empty(), "notes.txt").unwrap(), root.metadata_hash_at(PathFlags::empty(), "hard").unwrap());
    println!("{}", a.lower == b.lower && a.upper == b.upper);
    let time = NewTimestamp::Timestamp(Datetime { seconds: 1_000_000_000, nanoseconds: 5 });
    println!("{:?}", root.set_times_at(PathFlags::empty(), "hard", time, time));
    println!("{:?}", fs::metadata("data/notes.txt").unwrap().modified().unwrap());
    println!("{:?}", fs::symlink_metadata("data/link").unwrap().file_type().is_symlink());
    println!("{:?}", root.open_at(PathFlags::empty(), "link", OpenFlags::empty(), DescriptorFlags::READ).map(|_| ()));
    println!("{:?}", fs::create_dir("data/link").map_err(|e| e.kind()));
    fs::write("data/large", vec![7; 3_000_000]).unwrap();
    println!("{:?}", fs::read("data/large").map(|d| hash(&d)));
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
