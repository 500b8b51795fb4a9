//! pipe [URL-AUTHORITY PATH | FILE]: moves bytes that it does not look at. Without
//! arguments stdin to stdout, with two the body of a response to stdout, with
//! one stdin to a file below the first directory, once more with ".copy" behind its name.

use wasip2::cli::{stdin::get_stdin, stdout::get_stdout};
use wasip2::filesystem::{preopens::get_directories, types::*};
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{Fields, OutgoingRequest, Scheme};
use wasip2::io::streams::InputStream;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.as_slice() {
        [] => splice(&get_stdin()),
        [file] => {
            // Their numbers are those of descriptors, too.
            let outs: Vec<_> = (0..4).map(|_| get_stdout()).collect();
            let mut data = Vec::new();
            std::io::Read::read_to_end(&mut std::io::stdin(), &mut data).expect("stdin");
            std::fs::write(file, &data).expect(file);
            store(&format!("{file}.copy"), &data);
            outs[3].blocking_write_and_flush(b"saved\n").expect("stdout");
        }
        [authority, path, ..] => get(authority, path),
    }
}

/// Writes to the descriptor, where fs::write has a stream.
fn store(file: &str, data: &[u8]) {
    let (dir, _) = &get_directories()[0];
    let open = OpenFlags::CREATE | OpenFlags::TRUNCATE;
    let file = dir.open_at(PathFlags::empty(), file.trim_start_matches('/'), open, DescriptorFlags::WRITE).expect(file);
    let mut at = 0;
    while at < data.len() {
        at += file.write(&data[at..], at as u64).expect("a write") as usize;
    }
}

fn splice(from: &InputStream) {
    let to = get_stdout();
    while to.blocking_splice(from, 1 << 16).is_ok() {}
    to.blocking_flush().expect("stdout");
}

fn get(authority: &str, path: &str) {
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).unwrap();
    request.set_authority(Some(authority)).unwrap();
    request.set_path_with_query(Some(path)).unwrap();
    let future = handle(request, None).expect("a request");
    future.subscribe().block();
    let response = future.get().unwrap().unwrap().expect("a response");
    let body = response.consume().unwrap();
    splice(&body.stream().unwrap());
}
