//! world: prints what the world tells a component: arguments, environment and
//! working directory, clocks before and after a sleep of an hour (of a second,
//! with the argument "short"), all kinds of random numbers, and stdin. With the
//! argument "race" an HTTP request to h.test races a timer of a second.

use std::io::Read;

use wasip2::cli::environment;
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{Fields, OutgoingRequest, Scheme};
use wasip2::io::poll::poll;
use wasip2::random::{insecure, insecure_seed, random};

const SECOND: u64 = 1_000_000_000;

fn main() {
    let args = environment::get_arguments();
    println!("arguments {args:?}");
    println!("environment {:?}", environment::get_environment());
    println!("working directory {:?}", environment::initial_cwd());

    let at = wall_clock::now();
    let unit = wall_clock::resolution();
    println!("wall clock {}.{:09}, resolution {}.{:09}", at.seconds, at.nanoseconds, unit.seconds, unit.nanoseconds);
    let began = monotonic_clock::now();
    let long = if args.iter().any(|a| a == "short") { SECOND } else { 3600 * SECOND };
    monotonic_clock::subscribe_duration(long).block();
    println!("slept {} ns, resolution {} ns", monotonic_clock::now() - began, monotonic_clock::resolution());

    println!("random {:02x?} {:016x}", random::get_random_bytes(8), random::get_random_u64());
    println!("insecure {:02x?} {:016x}", insecure::get_insecure_random_bytes(4), insecure::get_insecure_random_u64());
    let (a, b) = insecure_seed::insecure_seed();
    println!("seed {a:016x} {b:016x}");

    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    println!("stdin {input:?}");
    if args.iter().any(|a| a == "race") {
        race();
    }
}

fn race() {
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Https)).unwrap();
    request.set_authority(Some("h.test")).unwrap();
    request.set_path_with_query(Some("/race")).unwrap();
    let future = handle(request, None).unwrap();
    let timer = monotonic_clock::subscribe_duration(SECOND);
    let answer = future.subscribe();
    let mut spins = 0;
    while !answer.ready() && !timer.ready() {
        spins += 1;
    }
    println!("race: ready {:?}, spun {}", poll(&[&timer, &answer]), spins > 0);
    while !timer.ready() {
        spins += 1;
    }
    println!("the timer came, spun {}", spins > 0);
}
