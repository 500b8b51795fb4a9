//! client AUTHORITY: asks a server for several things and prints the answers.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::*;

fn main() {
    let authority = std::env::args().nth(1).expect("an authority");
    show("get", send(&authority, Method::Get, "/get?q=1", None, true));
    let data = vec![b'x'; 100_000];
    show("post before", send(&authority, Method::Post, "/", Some(&data), true));
    show("post after", send(&authority, Method::Post, "/", Some(&data), false));
    let four: Vec<_> = (0..4).map(|i| send(&authority, Method::Get, &format!("/{i}"), None, true)).collect();
    for (i, future) in four.into_iter().enumerate() {
        show(&format!("at once {i}"), future);
    }
    show("refused", send("127.0.0.1:1", Method::Get, "/", None, true));
}

/// Sends a request, with the body before or after it is on its way.
fn send(authority: &str, method: Method, path: &str, body: Option<&[u8]>, before: bool) -> Result<FutureIncomingResponse, ErrorCode> {
    let fields = Fields::new();
    for (name, value) in [("X-B", "1"), ("x-a", "\u{e9}"), ("x-b", "2")] {
        fields.append(name, value.as_bytes()).unwrap();
    }
    let request = OutgoingRequest::new(fields);
    request.set_method(&method).unwrap();
    request.set_scheme(Some(&Scheme::Http)).unwrap();
    request.set_authority(Some(authority)).unwrap();
    request.set_path_with_query(Some(path)).unwrap();
    let Some(data) = body else { return handle(request, None) };
    let out = request.body().unwrap();
    if before {
        write(out, data);
        return handle(request, None);
    }
    let future = handle(request, None)?;
    write(out, data);
    Ok(future)
}

fn write(body: OutgoingBody, data: &[u8]) {
    let stream = body.write().unwrap();
    for piece in data.chunks(4096) {
        stream.blocking_write_and_flush(piece).unwrap();
    }
    drop(stream);
    OutgoingBody::finish(body, None).unwrap();
}

fn show(what: &str, future: Result<FutureIncomingResponse, ErrorCode>) {
    match future.and_then(wait) {
        Ok(response) => {
            let fields = response.headers().entries();
            let names: Vec<_> = fields.iter().filter(|(n, _)| n.starts_with("x-")).collect();
            println!("{what}: {} {names:?} {}", response.status(), read(response));
        }
        Err(code) => println!("{what}: {code:?}"),
    }
}

fn wait(future: FutureIncomingResponse) -> Result<IncomingResponse, ErrorCode> {
    future.subscribe().block();
    future.get().unwrap().unwrap()
}

fn read(response: IncomingResponse) -> String {
    let body = response.consume().unwrap();
    let stream = body.stream().unwrap();
    let mut data = Vec::new();
    while let Ok(piece) = stream.blocking_read(1 << 16) {
        data.extend(piece);
    }
    let text = String::from_utf8_lossy(&data);
    format!("{} bytes, {:?}", data.len(), text.lines().next().unwrap_or_default())
}
