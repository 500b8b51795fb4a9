// server answers HTTP/1.1 requests on the listener that its host has opened for it
// (the first descriptor after the preopened directories), one connection after the
// other, and exits after as many requests as its argument says (default 1).
//
//     GET /          a greeting
//     POST /echo     the body of the request
//     GET /chunks    a body in three chunks
//
// Connections are kept alive; a request that asks for "Connection: close" ends its
// own, and whatever is no HTTP is answered with 400.
use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::FromRawFd;

const MAX_LINE: u64 = 8 << 10;
const MAX_BODY: usize = 1 << 20;

struct Request {
    method: String,
    path: String,
    close: bool,
    body: Vec<u8>,
}

fn main() -> io::Result<()> {
    let mut left: u32 = env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1);
    let fd = env::args().nth(2).and_then(|n| n.parse().ok()).unwrap_or(3);
    let listener = unsafe { TcpListener::from_raw_fd(fd) };
    listener.set_nonblocking(false)?;
    while left > 0 {
        let (stream, _) = listener.accept()?;
        left -= serve(stream, left)?;
    }
    Ok(())
}

/// Answers up to `most` requests of one connection and returns how many it has.
fn serve(stream: TcpStream, most: u32) -> io::Result<u32> {
    let mut input = BufReader::new(&stream);
    let mut done = 0;
    while done < most {
        let request = match read_request(&mut input) {
            Ok(Some(request)) => request,
            Ok(None) => break,
            Err(e) if e.kind() == io::ErrorKind::InvalidData => {
                respond(&stream, "400 Bad Request", e.to_string().as_bytes())?;
                done += 1;
                break;
            }
            Err(e) => return Err(e),
        };
        answer(&stream, &request)?;
        println!("{} {}", request.method, request.path);
        done += 1;
        if request.close {
            break;
        }
    }
    Ok(done)
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Reads a line without its end; None where the connection has ended before it.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    input.take(MAX_LINE).read_line(&mut line)?;
    match line.strip_suffix('\n') {
        Some(text) => Ok(Some(text.trim_end_matches('\r').to_string())),
        None if line.is_empty() => Ok(None),
        None => Err(invalid("line too long, or cut")),
    }
}

fn read_request(input: &mut impl BufRead) -> io::Result<Option<Request>> {
    let Some(line) = read_line(input)? else { return Ok(None) };
    let parts: Vec<&str> = line.split(' ').collect();
    let [method, path, "HTTP/1.1"] = parts[..] else {
        return Err(invalid("not a request of HTTP/1.1"));
    };
    let mut request =
        Request { method: method.into(), path: path.into(), close: false, body: Vec::new() };
    let mut length = 0;
    loop {
        let header = read_line(input)?.ok_or_else(|| invalid("headers cut"))?;
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').ok_or_else(|| invalid("header without a colon"))?;
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().map_err(|_| invalid("bad length"))?,
            "connection" => request.close = value.trim().eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    if length > MAX_BODY {
        return Err(invalid("body too large"));
    }
    request.body.resize(length, 0);
    input.read_exact(&mut request.body)?;
    Ok(Some(request))
}

fn answer(mut stream: &TcpStream, request: &Request) -> io::Result<()> {
    match (request.method.as_str(), request.path.as_str()) {
        ("HEAD", _) => stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", "/") => respond(stream, "200 OK", b"Hello from inside.\n"),
        ("POST", "/echo") => respond(stream, "200 OK", &request.body),
        ("GET", "/chunks") => respond_in_chunks(stream),
        _ => respond(stream, "404 Not Found", b"There is nothing here.\n"),
    }
}

fn respond(mut stream: &TcpStream, status: &str, body: &[u8]) -> io::Result<()> {
    let mut message = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    message.extend_from_slice(body);
    stream.write_all(&message)
}

fn respond_in_chunks(mut stream: &TcpStream) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
    for chunk in ["one\n", "two\n", "three\n"] {
        stream.write_all(format!("{:x}\r\n{chunk}\r\n", chunk.len()).as_bytes())?;
    }
    stream.write_all(b"0\r\n\r\n")
}
