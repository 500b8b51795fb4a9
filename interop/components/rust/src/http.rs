//! Requests by wasi:http.

use crate::local::hash;
use std::time::Instant;
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::*;
use wasip2::io::poll::poll;
use wasip2::io::streams::StreamError;

const MS: u64 = 1_000_000;
const LARGE: usize = 10 << 20;

type Sent = Result<FutureIncomingResponse, ErrorCode>;

/// When the body of a request is written.
#[derive(Clone, Copy, PartialEq)]
enum Body<'a> {
    None,
    Before(&'a [u8]),
    After(&'a [u8]),
}

pub fn row(row: &str, to: &str) {
    let show = |path: &str| show(path, send(to, &Method::Get, path, Body::None, None));
    match row {
        "get" => ["/get?a=1&b=two", "/nowhere", "/status?code=204", "/status?code=302"].into_iter().for_each(show),
        "methods" => methods(to),
        "post-before" => post(to, Body::Before),
        "post-after" => post(to, Body::After),
        "four" => four(to),
        "together" => together(to),
        "chunked" => ["/chunked", "/drip"].into_iter().for_each(show),
        "unusual" => ["/informed", "/endless", "/longer", "/many-fields?n=100", "/many-fields?n=1000"].into_iter().for_each(show),
        "garbage" => ["status", "field", "text", "length", "lengths", "chunk"].into_iter().for_each(|kind| show(&format!("/garbage?kind={kind}"))),
        "trailers" => trailers(to),
        "cut" => ["/cut", "/cut-chunk", "/cut-head", "/close"].into_iter().for_each(show),
        "refused" | "unknown" => show("/"),
        "fields" => fields(to),
        "large-up" => large_up(to),
        "large-down" => show(&format!("/random?bytes={LARGE}&seed=7")),
        "large" => large(to),
        "forward" => forward(to),
        "early" => early(to),
        "abandon" => abandon(to),
        "timeout" => timeout(to),
        "race" => race(to, &[(0, 5000), (5000, 50)]),
        "race-close" => race(to, &[(30, 30); 10]),
        _ => panic!("no row {row}"),
    }
}

fn methods(to: &str) {
    let other = [Method::Put, Method::Delete, Method::Patch, Method::Options, Method::Other("BREW".into())];
    for method in other {
        show(&format!("{method:?}"), send(to, &method, "/echo", Body::Before(b"a body"), None));
    }
    show("head", send(to, &Method::Head, "/status?code=302", Body::None, None));
}

fn post<'a>(to: &str, body: impl Fn(&'a [u8]) -> Body<'a>) {
    const TEXT: &[u8] = b"a short body, sent once";
    const LONG: &[u8] = &[b'y'; 100_000];
    for data in [TEXT, LONG, b""] {
        show("echo", send(to, &Method::Post, "/echo", body(data), None));
    }
    show("digest", send(to, &Method::Post, "/digest", body(LONG), None));
}

fn slow(to: &str, ms: u64) -> Sent {
    send(to, &Method::Get, &format!("/slow?ms={ms}"), Body::None, None)
}

/// Sends four requests at once, and tells the answers in the order in which they come.
fn four(to: &str) {
    let mut open: Vec<_> = [1600, 400, 1200, 800].into_iter().map(|ms| slow(to, ms).unwrap()).collect();
    while !open.is_empty() {
        let pollables: Vec<_> = open.iter().map(|f| f.subscribe()).collect();
        let ready = poll(&pollables.iter().collect::<Vec<_>>())[0];
        drop(pollables);
        show("one of four", Ok(open.remove(ready as usize)));
    }
}

/// Sends four requests at once, which take the same time, and tells how long they took.
fn together(to: &str) {
    let start = Instant::now();
    let open: Vec<_> = (0..4).map(|_| slow(to, 200)).collect();
    open.into_iter().for_each(|future| show("one of four", future));
    println!("{} us", start.elapsed().as_micros());
}

fn fields(to: &str) {
    let (name, value) = (|i: usize| ["X-B", "x-a", "x-b", "X-Empty"][i].to_string(), |i: usize| [&b"1"[..], b"gr\xfc\xdfe", b"2", b""][i].to_vec());
    let fields = Fields::from_list(&(0..4).map(|i| (name(i), value(i))).collect::<Vec<_>>()).unwrap();
    println!("{:?} {:?}", fields.get("X-b"), fields.append("bad name", b"").unwrap_err());
    println!("{:?} {:?}", fields.append("x-c", b"line\nfeed").unwrap_err(), fields.append("Host", b"elsewhere"));
    let request = OutgoingRequest::new(fields);
    target(&request, to, &Method::Get, "/fields");
    let response = wait(handle(request, None).unwrap()).unwrap();
    for (name, value) in response.headers().entries() {
        println!("{name}: {value:?}");
    }
    println!("{:?}", read(response));
}

fn trailers(to: &str) {
    let request = OutgoingRequest::new(Fields::new());
    target(&request, to, &Method::Post, "/trailers");
    let body = request.body().unwrap();
    let future = handle(request, None);
    body.write().unwrap().blocking_write_and_flush(b"a body").unwrap();
    let fields = Fields::from_list(&[("x-b".into(), b"1".to_vec()), ("X-A".into(), b"2".to_vec()), ("x-b".into(), b"3".to_vec())]).unwrap();
    OutgoingBody::finish(body, Some(fields)).unwrap();
    show("trailers", future);
}

fn large_up(to: &str) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut data = Vec::with_capacity(LARGE);
    while data.len() < LARGE {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        data.extend(state.to_le_bytes());
    }
    println!("hash {:x}", hash(&data));
    show("up", send(to, &Method::Post, "/digest", Body::After(&data), None));
}

/// 10 MiB of random bytes, down and up.
fn large(to: &str) {
    let response = wait(send(to, &Method::Get, &format!("/random?bytes={LARGE}&seed=7"), Body::None, None).unwrap()).unwrap();
    let body = response.consume().unwrap();
    let stream = body.stream().unwrap();
    let mut data = Vec::new();
    while let Ok(piece) = stream.blocking_read(1 << 20) {
        data.extend(piece);
    }
    println!("{} {} bytes", response.status(), data.len());
    show("up", send(to, &Method::Post, "/digest", Body::After(&data), None));
}

/// A response's body as a request's, while it arrives.
fn forward(to: &str) {
    let response = wait(send(to, &Method::Get, "/random?bytes=300000&seed=3", Body::None, None).unwrap()).unwrap();
    let body = response.consume().unwrap();
    let from = body.stream().unwrap();
    let request = OutgoingRequest::new(Fields::new());
    target(&request, to, &Method::Post, "/digest");
    let out = request.body().unwrap();
    let future = handle(request, None);
    let stream = out.write().unwrap();
    while stream.blocking_splice(&from, 1 << 16).is_ok() {}
    drop(stream);
    OutgoingBody::finish(out, None).unwrap();
    show("forwarded", future);
}

/// The server answers before it has read the body.
fn early(to: &str) {
    show("early", send(to, &Method::Post, "/early", Body::Before(b"nobody reads this"), None));
}

/// Drops a request on its way, one whose body is unfinished, and a response unread.
fn abandon(to: &str) {
    drop(slow(to, 300));
    let request = OutgoingRequest::new(Fields::new());
    target(&request, to, &Method::Post, "/echo");
    let body = request.body().unwrap();
    let future = handle(request, None).unwrap();
    body.write().unwrap().blocking_write_and_flush(b"a part").unwrap();
    drop(body);
    println!("unfinished: {}", wait(future).is_err());
    let response = wait(send(to, &Method::Get, "/random?bytes=300000&seed=1", Body::None, None).unwrap()).unwrap();
    println!("{} unread", response.status());
}

fn timeout(to: &str) {
    let options = RequestOptions::new();
    options.set_first_byte_timeout(Some(500 * MS)).unwrap();
    show("first byte", send(to, &Method::Get, "/slow?ms=5000", Body::None, Some(options)));
}

/// Waits for a response that takes some ms and for a timer of some ms, and tells which came first.
fn race(to: &str, pairs: &[(u64, u64)]) {
    for (response, timer) in pairs {
        let future = slow(to, *response).unwrap();
        let (answer, timer) = (future.subscribe(), subscribe_duration(timer * MS));
        let ready = poll(&[&answer, &timer]);
        println!("first: {}", ready[0] + 1);
    }
}

fn target(request: &OutgoingRequest, to: &str, method: &Method, path: &str) {
    request.set_method(method).unwrap();
    request.set_scheme(Some(&Scheme::Http)).unwrap();
    request.set_authority(Some(to)).unwrap();
    request.set_path_with_query(Some(path)).unwrap();
}

fn send(to: &str, method: &Method, path: &str, body: Body, options: Option<RequestOptions>) -> Sent {
    let request = OutgoingRequest::new(Fields::new());
    target(&request, to, method, path);
    let out = if body == Body::None { None } else { Some(request.body().unwrap()) };
    match (out, body) {
        (Some(out), Body::Before(data)) => {
            write(out, data);
            handle(request, options)
        }
        (Some(out), Body::After(data)) => {
            let future = handle(request, options)?;
            write(out, data);
            Ok(future)
        }
        _ => handle(request, options),
    }
}

/// Writes as much as the stream takes at a time.
fn write(body: OutgoingBody, mut data: &[u8]) {
    let stream = body.write().unwrap();
    let ready = stream.subscribe();
    while !data.is_empty() {
        ready.block();
        let n = data.len().min(stream.check_write().unwrap() as usize);
        stream.write(&data[..n]).unwrap();
        data = &data[n..];
    }
    stream.flush().unwrap();
    ready.block();
    drop((ready, stream));
    OutgoingBody::finish(body, None).unwrap();
}

fn show(what: &str, future: Sent) {
    match future.and_then(wait) {
        Ok(response) => println!("{what}: {} {}", response.status(), read(response)),
        Err(code) => println!("{what}: {code:?}"),
    }
}

fn wait(future: FutureIncomingResponse) -> Result<IncomingResponse, ErrorCode> {
    future.subscribe().block();
    future.get().unwrap().unwrap()
}

/// Reads a body and its trailers, and says what they were.
fn read(response: IncomingResponse) -> String {
    let body = response.consume().unwrap();
    let stream = body.stream().unwrap();
    let mut data = Vec::new();
    let error = loop {
        match stream.blocking_read(1 << 16) {
            Ok(piece) => data.extend(piece),
            Err(StreamError::Closed) => break None,
            Err(StreamError::LastOperationFailed(error)) => break Some(http_error_code(&error)),
        }
    };
    drop(stream);
    let trailers = IncomingBody::finish(body);
    trailers.subscribe().block();
    let trailers = trailers.get().unwrap().unwrap().map(|t| t.map(|t| t.entries()));
    let text = if data.len() < 200 { format!("{:?}", String::from_utf8_lossy(&data)) } else { format!("hash {:x}", hash(&data)) };
    format!("{} bytes {text} {error:?} {trailers:?}", data.len())
}
