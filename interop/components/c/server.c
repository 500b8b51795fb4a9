// What serve calls: answers requests, each in its own way by its path.
#include <inttypes.h>

#include "http.h"

typedef wasi_http_types_own_incoming_request_t request_t;
typedef wasi_http_types_own_response_outparam_t outparam_t;
typedef wasi_http_types_own_outgoing_body_t body_t;

struct field {
	const char *name, *value;
};

// respond sends the head of a response, and returns its body. Fields end with one without a name.
static body_t respond(outparam_t out, int status, const struct field *field) {
	wasi_http_types_own_fields_t fields = wasi_http_types_constructor_fields();
	for (; field && field->name; field++) {
		network_string_t name;
		network_string_set(&name, field->name);
		wasi_http_types_field_value_t value = {(uint8_t *)field->value, strlen(field->value)};
		wasi_http_types_header_error_t error;
		if (!wasi_http_types_method_fields_append(BORROW(fields, fields), &name, &value, &error)) fail("a field is refused");
	}
	wasi_http_types_own_outgoing_response_t own = wasi_http_types_constructor_outgoing_response(fields);
	wasi_http_types_borrow_outgoing_response_t response = BORROW(outgoing_response, own);
	body_t body;
	if (!wasi_http_types_method_outgoing_response_set_status_code(response, status) || !wasi_http_types_method_outgoing_response_body(response, &body))
		fail("the response is refused");
	wasi_http_types_result_own_outgoing_response_error_code_t result = {.is_err = false, .val.ok = own};
	wasi_http_types_static_response_outparam_set(out, &result);
	return body;
}

static wasi_io_streams_own_output_stream_t open_body(body_t body) {
	wasi_io_streams_own_output_stream_t stream;
	if (!wasi_http_types_method_outgoing_body_write(BORROW(outgoing_body, body), &stream)) fail("there is no body");
	return stream;
}

static void finish(body_t body) {
	wasi_http_types_error_code_t error;
	if (!wasi_http_types_static_outgoing_body_finish(body, NULL, &error)) printf("error-code %d\n", error.tag);
}

static void answer(outparam_t out, int status, const struct field *fields, const char *data) {
	body_t body = respond(out, status, fields);
	wasi_io_streams_own_output_stream_t stream = open_body(body);
	writes(stream, data, strlen(data));
	wasi_io_streams_output_stream_drop_own(stream);
	finish(body);
}

static wasi_io_streams_own_input_stream_t open_request(request_t request, wasi_http_types_own_incoming_body_t *body) {
	wasi_io_streams_own_input_stream_t stream;
	if (!wasi_http_types_method_incoming_request_consume(BORROW(incoming_request, request), body) ||
	    !wasi_http_types_method_incoming_body_stream(BORROW(incoming_body, *body), &stream))
		fail("there is no body");
	return stream;
}

// echo sends a request's body while it arrives.
static void echo(request_t request, outparam_t out) {
	wasi_http_types_own_incoming_body_t from;
	wasi_io_streams_own_input_stream_t source = open_request(request, &from);
	body_t body = respond(out, 200, NULL);
	wasi_io_streams_own_output_stream_t stream = open_body(body);
	wasi_io_streams_stream_error_t error;
	network_list_u8_t piece;
	while (wasi_io_streams_method_input_stream_blocking_read(wasi_io_streams_borrow_input_stream(source), 1 << 16, &piece, &error)) {
		writes(stream, (char *)piece.ptr, piece.len);
		network_list_u8_free(&piece);
	}
	if (error.tag != WASI_IO_STREAMS_STREAM_ERROR_CLOSED) fprintf(stderr, "the body is cut\n"), abort();
	wasi_io_streams_output_stream_drop_own(stream);
	finish(body);
}

static void digest(request_t request, outparam_t out) {
	wasi_http_types_own_incoming_body_t body;
	char *data, text[100];
	size_t size;
	bool whole = reads(open_request(request, &body), &data, &size);
	uint32_t sum = 0;
	for (size_t i = 0; i < size; i++) sum = sum * 31 + (uint8_t)data[i];
	free(data);
	snprintf(text, sizeof text, "%zu bytes, sum %" PRIx32 ", %s\n", size, sum, whole ? "whole" : "cut");
	answer(out, 200, NULL, text);
}

static void fields(request_t request, outparam_t out) {
	static char text[10000];
	size_t size = 0;
	wasi_http_types_own_fields_t headers = wasi_http_types_method_incoming_request_headers(BORROW(incoming_request, request));
	network_list_tuple2_field_name_field_value_t entries;
	wasi_http_types_method_fields_entries(BORROW(fields, headers), &entries);
	for (size_t i = 0; i < entries.len && size < sizeof text; i++) {
		network_tuple2_field_name_field_value_t *e = &entries.ptr[i];
		if (e->f0.len > 1 && (e->f0.ptr[0] | 32) == 'x')
			size += snprintf(text + size, sizeof text - size, "%.*s: %.*s\n", (int)e->f0.len, e->f0.ptr, (int)e->f1.len, e->f1.ptr);
	}
	const struct field unusual[] = {{"Set-Cookie", "a=1"}, {"X-Beyond", "gr\xfc\xdf" "e \xff"}, {"set-cookie", "b=2; Path=/"}, {"X-Empty", ""}, {"x-b", "1"}, {"X-B", "2"}, {NULL, NULL}};
	answer(out, 201, unusual, text);
}

static void wait_ms(int ms) { block(wasi_clocks_monotonic_clock_subscribe_duration(ms * 1000000ULL)); }

// pieces sends a body that is made while it is sent.
static void pieces(outparam_t out) {
	static char large[10001];
	memset(large, 'x', sizeof large - 1);
	const char *all[] = {"first,", "second, longer than the first,", large, "last"};
	body_t body = respond(out, 200, NULL);
	wasi_io_streams_own_output_stream_t stream = open_body(body);
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		writes(stream, all[i], strlen(all[i]));
		wait_ms(5);
	}
	wasi_io_streams_output_stream_drop_own(stream);
	finish(body);
}

static void cut(const char *title, outparam_t out) {
	body_t body = respond(out, 200, NULL);
	wasi_io_streams_own_output_stream_t stream = open_body(body);
	writes(stream, title, strlen(title));
	wasi_io_streams_output_stream_drop_own(stream);
	wasi_http_types_outgoing_body_drop_own(body);
}

static void vary(outparam_t out) {
	char text[100];
	wasi_clocks_wall_clock_datetime_t now;
	wasi_clocks_wall_clock_now(&now);
	uint64_t start = wasi_clocks_monotonic_clock_now();
	wait_ms(2);
	snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", now.seconds, wasi_clocks_monotonic_clock_now() - start, wasi_random_random_get_random_u64());
	answer(out, 200, NULL, text);
}

// meet asks another server, which answers when several ask.
static void meet(char *url, outparam_t out) {
	future_t future;
	response_t response;
	wasi_http_types_error_code_t error;
	char *authority = url + strlen("http://"), *path = strchr(authority, '/'), *data;
	size_t size;
	*path = 0;
	char target[1000];
	snprintf(target, sizeof target, "/%s", path + 1);
	if (!sends(authority, target, wasi_http_types_constructor_fields(), NULL, false, &future, &error) || !answered(future, &response, &error)) fail("not answered");
	if (!received(response, &data, &size)) fail("cut");
	data[size] = 0;
	answer(out, 200, NULL, data);
	free(data);
}

void exports_wasi_http_incoming_handler_handle(request_t request, outparam_t out) {
	wasi_http_types_method_t method;
	network_string_t target;
	static char path[1000], title[1100];
	wasi_http_types_method_incoming_request_method(BORROW(incoming_request, request), &method);
	if (wasi_http_types_method_incoming_request_path_with_query(BORROW(incoming_request, request), &target))
		snprintf(path, sizeof path, "%.*s", (int)target.len, target.ptr);
	snprintf(title, sizeof title, "method %d %s\n", method.tag, path);
	char *query = path + strcspn(path, "?");
	if (*query) *query++ = 0;
	if (strcmp(path, "/get") == 0) answer(out, 200, (struct field[]){{"Content-Type", "text/plain"}, {NULL, NULL}}, title);
	else if (strcmp(path, "/empty") == 0) finish(respond(out, 204, NULL));
	else if (strcmp(path, "/echo") == 0) echo(request, out);
	else if (strcmp(path, "/digest") == 0) digest(request, out);
	else if (strcmp(path, "/fields") == 0) fields(request, out);
	else if (strcmp(path, "/pieces") == 0) pieces(out);
	else if (strcmp(path, "/cut") == 0) cut(title, out);
	else if (strcmp(path, "/vary") == 0) vary(out);
	else if (strcmp(path, "/meet") == 0) meet(query, out);
	else if (strcmp(path, "/none") == 0) return;
	else if (strcmp(path, "/print") == 0) {
		printf("to stdout: %s", title);
		fflush(stdout);
		fprintf(stderr, "to stderr: %s", title);
		answer(out, 200, NULL, "printed\n");
	} else if (strcmp(path, "/trap") == 0) {
		fprintf(stderr, "before the trap\n");
		__builtin_trap();
	} else answer(out, 404, NULL, "no such path\n");
}
