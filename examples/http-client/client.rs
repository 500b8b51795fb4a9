// client sends a GET for each path of its arguments over the connection that its
// host has made for it (the first descriptor after the preopened directories and
// the listeners), and prints what comes back.
//
//     client /first /second
use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::fd::FromRawFd;

fn main() -> io::Result<()> {
    let stream = unsafe { TcpStream::from_raw_fd(3) };
    let mut input = BufReader::new(&stream);
    for path in env::args().skip(1) {
        write!(&stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        let (status, body) = read_response(&mut input)?;
        println!("{path}: {status}");
        io::stdout().write_all(&body)?;
    }
    Ok(())
}

fn read_line(input: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if input.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_string())
}

/// Reads a response with a length or in chunks.
fn read_response(input: &mut impl BufRead) -> io::Result<(String, Vec<u8>)> {
    let status = read_line(input)?;
    let (mut length, mut chunked) = (0, false);
    loop {
        let header = read_line(input)?.to_ascii_lowercase();
        match header.split_once(':') {
            None => break,
            Some(("content-length", n)) => length = number(n.trim(), 10)?,
            Some(("transfer-encoding", how)) => chunked = how.trim() == "chunked",
            Some(_) => {}
        }
    }
    let mut body = Vec::new();
    if !chunked {
        input.take(length).read_to_end(&mut body)?;
        return Ok((status, body));
    }
    loop {
        let size = number(&read_line(input)?, 16)?;
        input.take(size).read_to_end(&mut body)?;
        read_line(input)?;
        if size == 0 {
            return Ok((status, body));
        }
    }
}

fn number(text: &str, radix: u32) -> io::Result<u64> {
    u64::from_str_radix(text, radix).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}
