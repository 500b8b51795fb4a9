// fetch looks a name up, connects to it by a socket of its own and prints what the
// server answers to a GET. It imports the extension of WASI preview1 by sockets,
// whose host must let it use the address.
//
//     fetch localhost 8080 /path
use std::env;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::FromRawFd;
use std::ptr::{addr_of, addr_of_mut, null_mut};

const INET: u32 = 1;
const STREAM: u32 = 2;

/// An address: 4 bytes for IPv4.
#[repr(C)]
struct Address {
    data: *const u8,
    len: u32,
}

#[repr(C)]
struct SocketAddress {
    family: u32,
    len: u32,
    data: *mut u8, // port, big-endian, and IP address
}

#[repr(C)]
struct AddressInfo {
    flags: u16,
    family: u8,
    kind: u8,
    protocol: u32,
    address_len: u32,
    address: *mut SocketAddress,
    name: *mut u8,
    name_len: u32,
    next: *mut AddressInfo,
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
extern "C" {
    fn sock_open(family: u32, kind: u32, fd: *mut i32) -> u32;
    fn sock_connect(fd: i32, address: *const Address, port: u32) -> u32;
    fn sock_getaddrinfo(
        node: *const u8, node_len: u32, service: *const u8, service_len: u32,
        hints: *const AddressInfo, res: *const *mut AddressInfo, max: u32, len: *mut u32,
    ) -> u32;
}

fn check(errno: u32) -> io::Result<()> {
    match errno {
        0 => Ok(()),
        _ => Err(io::Error::from_raw_os_error(errno as i32)),
    }
}

/// Returns the first IPv4 address of a name, and the port.
fn lookup(host: &str, service: &str) -> io::Result<([u8; 4], u32)> {
    let mut data = [0u8; 26];
    let mut address = SocketAddress { family: 0, len: 26, data: data.as_mut_ptr() };
    let mut found = AddressInfo {
        flags: 0, family: 0, kind: 0, protocol: 0, address_len: 16, address: addr_of_mut!(address),
        name: null_mut(), name_len: 0, next: null_mut(),
    };
    let hints = AddressInfo {
        flags: 0, family: INET as u8, kind: STREAM as u8, protocol: 0, address_len: 0,
        address: null_mut(), name: null_mut(), name_len: 0, next: null_mut(),
    };
    let list = addr_of_mut!(found);
    let mut count = 0;
    check(unsafe {
        sock_getaddrinfo(
            host.as_ptr(), host.len() as u32, service.as_ptr(), service.len() as u32,
            addr_of!(hints), addr_of!(list), 1, &mut count,
        )
    })?;
    // The host has written through the pointers.
    let data = unsafe { addr_of!(data).read_volatile() };
    Ok(([data[2], data[3], data[4], data[5]], u16::from_be_bytes([data[0], data[1]]) as u32))
}

fn connect(ip: [u8; 4], port: u32) -> io::Result<TcpStream> {
    let mut fd = -1;
    check(unsafe { sock_open(INET, STREAM, &mut fd) })?;
    let stream = unsafe { TcpStream::from_raw_fd(fd) };
    let address = Address { data: ip.as_ptr(), len: 4 };
    check(unsafe { sock_connect(fd, addr_of!(address), port) })?;
    Ok(stream)
}

fn main() -> io::Result<()> {
    let args: Vec<String> = env::args().collect();
    let [_, host, service, path] = &args[..] else {
        eprintln!("usage: fetch HOST PORT PATH");
        std::process::exit(2);
    };
    let (ip, port) = lookup(host, service)?;
    let mut stream = connect(ip, port)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    io::stdout().write_all(&answer)
}
