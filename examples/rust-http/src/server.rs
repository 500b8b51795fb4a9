//! Answers with what it was asked: method, path, the fields whose names begin
//! with x-, and the body, piece by piece as it comes. A trailer counts the
//! bytes. Some paths go wrong on purpose.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::*;

struct Server;

wasip2::http::proxy::export!(Server);

impl Guest for Server {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        match path.as_str() {
            "/panic" => panic!("asked to"),
            "/none" => return,
            "/error" => {
                let why = ErrorCode::InternalError(Some("no luck".into()));
                return ResponseOutparam::set(out, Err(why));
            }
            _ => {}
        }
        let response = OutgoingResponse::new(echoed(&request));
        response.set_status_code(if path == "/missing" { 404 } else { 200 }).unwrap();
        let body = response.body().unwrap();
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().unwrap();
        let title = format!("{:?} {path}\n", request.method());
        stream.blocking_write_and_flush(title.as_bytes()).unwrap();
        if path == "/cut" {
            return;
        }
        let count = copy(&request, &stream);
        drop(stream);
        let trailers = Fields::new();
        trailers.append("x-count", count.to_string().as_bytes()).unwrap();
        OutgoingBody::finish(body, Some(trailers)).unwrap();
    }
}

fn echoed(request: &IncomingRequest) -> Fields {
    let fields = Fields::new();
    for (name, value) in request.headers().entries() {
        if name.starts_with("x-") {
            fields.append(&name, &value).unwrap();
        }
    }
    fields
}

fn copy(request: &IncomingRequest, out: &OutputStream) -> usize {
    let body = request.consume().unwrap();
    let stream = body.stream().unwrap();
    let mut count = 0;
    while let Ok(data) = stream.blocking_read(1 << 16) {
        count += data.len();
        for piece in data.chunks(4096) {
            out.blocking_write_and_flush(piece).unwrap();
        }
    }
    count
}
