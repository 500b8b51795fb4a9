//! What serve calls: answers requests, each in its own way by its path.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::outgoing_handler;
use wasip2::http::types::*;
use wasip2::io::streams::{InputStream, StreamError};
use wasip2::random::random::get_random_u64;

struct Server;

wasip2::http::proxy::export!(Server);

impl Guest for Server {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let title = format!("{:?} {path}\n", request.method());
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        match path {
            "/get" => answer(out, 200, &[("Content-Type", b"text/plain")], title.as_bytes()),
            "/empty" => OutgoingBody::finish(respond(out, 204, &[]), None).unwrap(),
            "/echo" => echo(request, out),
            "/digest" => digest(request, out),
            "/fields" => fields(request, out),
            "/pieces" => pieces(out),
            "/cut" => write(&respond(out, 200, &[]), title.as_bytes()),
            "/vary" => vary(out),
            "/meet" => meet(query, out),
            "/print" => {
                print!("to stdout: {title}");
                eprint!("to stderr: {title}");
                answer(out, 200, &[], b"printed\n")
            }
            "/trap" => panic!("asked to"),
            "/none" => {}
            "/error" => ResponseOutparam::set(out, Err(ErrorCode::InternalError(Some("no luck".into())))),
            _ => answer(out, 404, &[], b"no such path\n"),
        }
    }
}

/// Sends the head of a response, and returns its body.
fn respond(out: ResponseOutparam, status: u16, fields: &[(&str, &[u8])]) -> OutgoingBody {
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.to_string(), value.to_vec())).collect();
    let response = OutgoingResponse::new(Fields::from_list(&fields).unwrap());
    response.set_status_code(status).unwrap();
    let body = response.body().unwrap();
    ResponseOutparam::set(out, Ok(response));
    body
}

fn answer(out: ResponseOutparam, status: u16, fields: &[(&str, &[u8])], data: &[u8]) {
    let body = respond(out, status, fields);
    write(&body, data);
    OutgoingBody::finish(body, None).unwrap();
}

fn write(body: &OutgoingBody, data: &[u8]) {
    let stream = body.write().unwrap();
    for piece in data.chunks(4096) {
        stream.blocking_write_and_flush(piece).unwrap();
    }
}

/// The next piece of a body: nothing at its end.
fn read(stream: &InputStream) -> Vec<u8> {
    match stream.blocking_read(1 << 16) {
        Ok(piece) => piece,
        Err(StreamError::Closed) => Vec::new(),
        Err(StreamError::LastOperationFailed(error)) => panic!("{:?}", http_error_code(&error)),
    }
}

/// A request's body as a response's, while it arrives, and how long it was in a trailer.
fn echo(request: IncomingRequest, out: ResponseOutparam) {
    let method = format!("{:?}", request.method());
    let (from, to) = (request.consume().unwrap(), respond(out, 200, &[("X-Method", method.as_bytes())]));
    let (source, stream) = (from.stream().unwrap(), to.write().unwrap());
    let mut count = 0;
    loop {
        match stream.blocking_splice(&source, 1 << 16) {
            Ok(n) => count += n,
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => panic!("{:?}", http_error_code(&error)),
        }
    }
    drop(stream);
    let trailers = Fields::new();
    trailers.append("X-Count", count.to_string().as_bytes()).unwrap();
    OutgoingBody::finish(to, Some(trailers)).unwrap();
}

/// What a request's body and its trailers were.
fn digest(request: IncomingRequest, out: ResponseOutparam) {
    let body = request.consume().unwrap();
    let stream = body.stream().unwrap();
    let (mut hash, mut count) = (0xcbf2_9ce4_8422_2325_u64, 0);
    loop {
        let piece = read(&stream);
        if piece.is_empty() {
            break;
        }
        count += piece.len();
        hash = piece.iter().fold(hash, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
    }
    drop(stream);
    let trailers = IncomingBody::finish(body);
    trailers.subscribe().block();
    let trailers = trailers.get().unwrap().unwrap().unwrap().map(|t| t.entries());
    answer(out, 200, &[], format!("{count} bytes, hash {hash:x}, then {trailers:?}\n").as_bytes());
}

fn fields(request: IncomingRequest, out: ResponseOutparam) {
    let got = request.headers().entries().into_iter().filter(|(name, _)| name.to_lowercase().starts_with("x-"));
    let got: String = got.map(|(name, value)| format!("{name}: {}\n", value.escape_ascii())).collect();
    let unusual: [(&str, &[u8]); 6] =
        [("Set-Cookie", b"a=1"), ("X-Beyond", b"gr\xfc\xdfe \xff"), ("set-cookie", b"b=2; Path=/"), ("X-Empty", b""), ("x-b", b"1"), ("X-B", b"2")];
    answer(out, 201, &unusual, got.as_bytes());
}

/// A body that is made while it is sent.
fn pieces(out: ResponseOutparam) {
    let body = respond(out, 200, &[]);
    let stream = body.write().unwrap();
    for piece in [&b"first,"[..], b"second, longer than the first,", &[b'x'; 10_000], b"last"] {
        piece.chunks(4096).for_each(|part| stream.blocking_write_and_flush(part).unwrap());
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(stream);
    OutgoingBody::finish(body, None).unwrap();
}

fn vary(out: ResponseOutparam) {
    let start = Instant::now();
    std::thread::sleep(Duration::from_millis(2));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    answer(out, 200, &[], format!("{} {} {}\n", now.as_nanos(), start.elapsed().as_nanos(), get_random_u64()).as_bytes());
}

/// Asks another server, which answers when several ask.
fn meet(url: &str, out: ResponseOutparam) {
    let (authority, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).unwrap();
    request.set_authority(Some(authority)).unwrap();
    request.set_path_with_query(Some(&format!("/{path}"))).unwrap();
    let future = outgoing_handler::handle(request, None).unwrap();
    future.subscribe().block();
    let body = future.get().unwrap().unwrap().unwrap().consume().unwrap();
    let stream = body.stream().unwrap();
    let mut data = Vec::new();
    loop {
        let piece = read(&stream);
        if piece.is_empty() {
            break;
        }
        data.extend(piece);
    }
    answer(out, 200, &[], &data);
}
