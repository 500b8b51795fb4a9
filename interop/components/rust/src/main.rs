//! rust ROW [ADDRESS]: one row of the matrix. ADDRESS is the server's, or where nobody is.

mod http;
mod local;
mod sockets;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let row = args.get(1).expect("a row");
    let address = || args.get(2).expect("an address");
    match row.as_str() {
        "clocks" => local::clocks(),
        "random" => local::random(),
        "environment" => local::environment(),
        "lines" => local::lines(),
        "pauses" => local::pauses(),
        "whole" => local::whole(),
        "files" => local::files(),
        "links" => local::links(),
        "panic" => local::panic(),
        "trap" => local::trap(),
        "bounds" => local::bounds(),
        "overflow" => println!("{}", local::overflow(1)),
        "memory" => local::memory(),
        "exit" => std::process::exit(3),
        "fail" => return ExitCode::from(2),
        "tcp" => sockets::tcp(address()),
        "tcp-listen" => sockets::tcp_listen(),
        "tcp-refused" => sockets::tcp_refused(address()),
        "tcp-reset" => sockets::tcp_reset(address()),
        "tcp-wait" => sockets::tcp_wait(address()),
        "udp" => sockets::udp(address()),
        "lookup" => sockets::lookup(),
        _ => http::row(row, address()),
    }
    ExitCode::SUCCESS
}
