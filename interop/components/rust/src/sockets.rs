//! Sockets of the program's own.

use std::io::{Read, Write};
use std::time::Duration;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

/// Talks to a server that answers in upper case.
pub fn tcp(address: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    let mut answer = [0; 5];
    stream.write_all(b"hello").unwrap();
    stream.read_exact(&mut answer).unwrap();
    println!("{}", String::from_utf8_lossy(&answer));
    stream.write_all(&[b'x'; 50_000]).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    println!("{} bytes, all X: {}", rest.len(), rest.iter().all(|b| *b == b'X'));
}

/// Reads from a server that resets the connection.
pub fn tcp_reset(address: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(b"hello").unwrap();
    let mut data = Vec::new();
    println!("{:?} {:?}", stream.read_to_end(&mut data).map_err(|e| e.kind()), String::from_utf8_lossy(&data));
    println!("{:?}", stream.peer_addr().map(|a| a.to_string() == address).map_err(|e| e.kind()));
}

/// Waits for a second connection without blocking, and for bytes with a timeout.
pub fn tcp_wait(address: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(30))).unwrap();
    println!("{:?}", stream.read(&mut [0; 1]).map_err(|e| e.kind()));
    stream.set_nonblocking(true).unwrap();
    println!("{:?}", stream.read(&mut [0; 1]).map_err(|e| e.kind()));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    println!("{:?}", listener.accept().map(|_| ()).map_err(|e| e.kind()));
}

/// Accepts two connections of its own.
pub fn tcp_listen() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    println!("has a port: {}", address.port() != 0);
    for name in ["first", "second"] {
        let mut client = TcpStream::connect(address).unwrap();
        let (mut server, peer) = listener.accept().unwrap();
        println!("the peer is the client: {}", peer == client.local_addr().unwrap());
        client.write_all(name.as_bytes()).unwrap();
        drop(client);
        let mut text = String::new();
        server.read_to_string(&mut text).unwrap();
        println!("{text}");
    }
}

pub fn tcp_refused(address: &str) {
    println!("{:?}", TcpStream::connect(address).unwrap_err().kind());
}

/// Sends to a server that answers in upper case, and to itself.
pub fn udp(address: &str) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut buffer = [0; 2000];
    for size in [0, 5, 1400] {
        socket.send_to(&vec![b'u'; size], address).unwrap();
        let (n, from) = socket.recv_from(&mut buffer).unwrap();
        println!("{n} bytes, all U: {}, from the server: {}", buffer[..n].iter().all(|b| *b == b'U'), from.to_string() == address);
    }
    let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    other.connect(socket.local_addr().unwrap()).unwrap();
    other.send(b"among us").unwrap();
    let (n, from) = socket.recv_from(&mut buffer).unwrap();
    println!("{:?} {}", String::from_utf8_lossy(&buffer[..n]), from == other.local_addr().unwrap());
}

pub fn lookup() {
    let mut found: Vec<_> = ("localhost", 80).to_socket_addrs().unwrap().collect();
    found.sort();
    println!("{found:?}");
    println!("{:?}", ("no-such-host.invalid", 80).to_socket_addrs().unwrap_err().kind());
}
