// What programs and servers do with wasi:http, with the bindings of either.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "network.h"

typedef wasi_http_types_own_future_incoming_response_t future_t;
typedef wasi_http_types_own_incoming_response_t response_t;

static _Noreturn void fail(const char *what) {
	printf("%s\n", what);
	exit(1);
}

// Owned and borrowed handles are of different types; what is called by a handle borrows it.
#define BORROW(kind, handle) wasi_http_types_borrow_##kind(handle)

static void block(wasi_io_poll_own_pollable_t pollable) {
	wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(pollable));
	wasi_io_poll_pollable_drop_own(pollable);
}

// writes puts data into a stream, as much as it takes at a time.
static void writes(wasi_io_streams_own_output_stream_t out, const char *data, size_t size) {
	wasi_io_streams_borrow_output_stream_t stream = wasi_io_streams_borrow_output_stream(out);
	wasi_io_streams_stream_error_t error;
	for (uint64_t n; size > 0; data += n, size -= n) {
		block(wasi_io_streams_method_output_stream_subscribe(stream));
		if (!wasi_io_streams_method_output_stream_check_write(stream, &n, &error)) return; // the answer tells why
		if (n > size) n = size;
		network_list_u8_t piece = {(uint8_t *)data, n};
		if (!wasi_io_streams_method_output_stream_write(stream, &piece, &error)) return;
	}
	wasi_io_streams_method_output_stream_blocking_flush(stream, &error);
}

// reads takes all of a stream, and tells whether it came to its end.
static bool reads(wasi_io_streams_own_input_stream_t in, char **data, size_t *size) {
	wasi_io_streams_stream_error_t error;
	network_list_u8_t piece;
	*data = NULL, *size = 0;
	while (wasi_io_streams_method_input_stream_blocking_read(wasi_io_streams_borrow_input_stream(in), 1 << 16, &piece, &error)) {
		*data = realloc(*data, *size + piece.len + 1);
		memcpy(*data + *size, piece.ptr, piece.len);
		*size += piece.len;
		network_list_u8_free(&piece);
	}
	bool whole = error.tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED;
	wasi_io_streams_stream_error_free(&error);
	wasi_io_streams_input_stream_drop_own(in);
	return whole;
}

// sends a request; a body that is not NULL is written before or after it is on its way.
static bool sends(const char *to, const char *path, wasi_http_types_own_fields_t fields, const char *data, bool before, future_t *future, wasi_http_types_error_code_t *error) {
	wasi_http_types_own_outgoing_request_t own = wasi_http_types_constructor_outgoing_request(fields);
	wasi_http_types_borrow_outgoing_request_t request = BORROW(outgoing_request, own);
	wasi_http_types_method_t method = {.tag = data ? WASI_HTTP_TYPES_METHOD_POST : WASI_HTTP_TYPES_METHOD_GET};
	wasi_http_types_scheme_t scheme = {.tag = WASI_HTTP_TYPES_SCHEME_HTTP};
	network_string_t authority, target;
	network_string_set(&authority, to);
	network_string_set(&target, path);
	if (!wasi_http_types_method_outgoing_request_set_method(request, &method) || !wasi_http_types_method_outgoing_request_set_scheme(request, &scheme) ||
	    !wasi_http_types_method_outgoing_request_set_authority(request, &authority) ||
	    !wasi_http_types_method_outgoing_request_set_path_with_query(request, &target))
		fail("a part of the request is refused");
	if (!data) return wasi_http_outgoing_handler_handle(own, NULL, future, error);
	wasi_http_types_own_outgoing_body_t body;
	wasi_http_types_own_output_stream_t stream;
	if (!wasi_http_types_method_outgoing_request_body(request, &body) || !wasi_http_types_method_outgoing_body_write(BORROW(outgoing_body, body), &stream))
		fail("there is no body");
	if (before) writes(stream, data, strlen(data));
	bool sent = wasi_http_outgoing_handler_handle(own, NULL, future, error);
	if (sent && !before) writes(stream, data, strlen(data));
	wasi_io_streams_output_stream_drop_own(stream);
	wasi_http_types_error_code_t unfinished;
	wasi_http_types_static_outgoing_body_finish(body, NULL, &unfinished);
	return sent;
}

static bool answered(future_t own, response_t *response, wasi_http_types_error_code_t *error) {
	wasi_http_types_borrow_future_incoming_response_t future = BORROW(future_incoming_response, own);
	wasi_http_types_result_result_own_incoming_response_error_code_void_t answer;
	block(wasi_http_types_method_future_incoming_response_subscribe(future));
	if (!wasi_http_types_method_future_incoming_response_get(future, &answer) || answer.is_err) fail("there is no answer");
	wasi_http_types_future_incoming_response_drop_own(own);
	if (answer.val.ok.is_err)
		*error = answer.val.ok.val.err;
	else
		*response = answer.val.ok.val.ok;
	return !answer.val.ok.is_err;
}

// received takes the body of a response, and tells whether it came to its end.
static bool received(response_t own, char **data, size_t *size) {
	wasi_http_types_own_incoming_body_t body;
	wasi_io_streams_own_input_stream_t stream;
	if (!wasi_http_types_method_incoming_response_consume(BORROW(incoming_response, own), &body) ||
	    !wasi_http_types_method_incoming_body_stream(BORROW(incoming_body, body), &stream))
		fail("there is no body");
	bool whole = reads(stream, data, size);
	wasi_http_types_incoming_body_drop_own(body);
	wasi_http_types_incoming_response_drop_own(own);
	return whole;
}
