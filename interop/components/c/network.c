// The rows with a network: requests by wasi:http and sockets by wasi:sockets, with the
// bindings that wit-bindgen makes of the world network.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "matrix.h"

// Requests.

static wasi_http_types_own_fields_t unusual_fields(void) {
	const char *fields[][2] = {{"X-B", "1"}, {"x-a", "gr\xfc\xdf" "e \xff"}, {"x-b", "2"}, {"X-Empty", ""}};
	wasi_http_types_own_fields_t result = wasi_http_types_constructor_fields();
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		network_string_t name;
		network_string_set(&name, fields[i][0]);
		wasi_http_types_field_value_t value = {(uint8_t *)fields[i][1], strlen(fields[i][1])};
		wasi_http_types_header_error_t error;
		if (!wasi_http_types_method_fields_append(BORROW(fields, result), &name, &value, &error)) fail("a field is refused");
	}
	return result;
}

static void show_response(const char *what, response_t own) {
	int status = wasi_http_types_method_incoming_response_status(BORROW(incoming_response, own));
	char *data;
	size_t size;
	bool whole = received(own, &data, &size);
	printf("%s: %d %zu bytes, hash %llx%s\n", what, status, size, (unsigned long long)hash(data, size), whole ? "" : ", cut");
	if (size < 200) printf("%.*s\n", (int)size, data ? data : "");
	free(data);
}

static void show_future(const char *what, future_t future) {
	response_t response;
	wasi_http_types_error_code_t error;
	if (answered(future, &response, &error))
		show_response(what, response);
	else
		printf("%s: error-code %d\n", what, error.tag);
}

static void show(const char *to, const char *path, const char *data, bool before) {
	future_t future;
	wasi_http_types_error_code_t error;
	if (sends(to, path, wasi_http_types_constructor_fields(), data, before, &future, &error))
		show_future(path, future);
	else
		printf("%s: error-code %d\n", path, error.tag);
}

static void get(const char *to) {
	show(to, "/get?a=1&b=two", NULL, false);
	show(to, "/nowhere", NULL, false);
	show(to, "/status?code=204", NULL, false);
	show(to, "/status?code=302", NULL, false);
}

static void post(const char *to, bool before) {
	static char large[100001];
	memset(large, 'y', sizeof large - 1);
	show(to, "/echo", "a short body, sent once", before);
	show(to, "/echo", large, before);
	show(to, "/echo", "", before);
	show(to, "/digest", large, before);
}

static void post_before(const char *to) { post(to, true); }
static void post_after(const char *to) { post(to, false); }

// four sends four requests at once, and shows the answers in the order in which they come.
static void four(const char *to) {
	const char *paths[] = {"/slow?ms=1600", "/slow?ms=400", "/slow?ms=1200", "/slow?ms=800"};
	future_t open[4];
	size_t left = 4;
	wasi_http_types_error_code_t error;
	for (size_t i = 0; i < left; i++)
		if (!sends(to, paths[i], wasi_http_types_constructor_fields(), NULL, false, &open[i], &error)) fail("not sent");
	while (left > 0) {
		wasi_io_poll_own_pollable_t pollables[4];
		wasi_io_poll_borrow_pollable_t borrowed[4];
		for (size_t i = 0; i < left; i++) {
			pollables[i] = wasi_http_types_method_future_incoming_response_subscribe(BORROW(future_incoming_response, open[i]));
			borrowed[i] = wasi_io_poll_borrow_pollable(pollables[i]);
		}
		wasi_io_poll_list_borrow_pollable_t list = {borrowed, left};
		network_list_u32_t ready;
		wasi_io_poll_poll(&list, &ready);
		for (size_t i = 0; i < left; i++) wasi_io_poll_pollable_drop_own(pollables[i]);
		show_future("one of four", open[ready.ptr[0]]);
		left--;
		memmove(&open[ready.ptr[0]], &open[ready.ptr[0] + 1], (left - ready.ptr[0]) * sizeof open[0]);
		network_list_u32_free(&ready);
	}
}

static void chunked(const char *to) {
	show(to, "/chunked", NULL, false);
	show(to, "/drip", NULL, false);
}

static void cut(const char *to) {
	show(to, "/cut", NULL, false);
	show(to, "/cut-chunk", NULL, false);
	show(to, "/cut-head", NULL, false);
	show(to, "/close", NULL, false);
}

static void root(const char *to) { show(to, "/", NULL, false); }

static void fields(const char *to) {
	future_t future;
	response_t response;
	wasi_http_types_error_code_t error;
	if (!sends(to, "/fields", unusual_fields(), NULL, false, &future, &error) || !answered(future, &response, &error)) fail("not answered");
	wasi_http_types_own_fields_t headers = wasi_http_types_method_incoming_response_headers(BORROW(incoming_response, response));
	network_list_tuple2_field_name_field_value_t entries;
	wasi_http_types_method_fields_entries(BORROW(fields, headers), &entries);
	for (size_t i = 0; i < entries.len; i++) {
		printf("%.*s:", (int)entries.ptr[i].f0.len, entries.ptr[i].f0.ptr);
		for (size_t j = 0; j < entries.ptr[i].f1.len; j++) printf(" %02x", entries.ptr[i].f1.ptr[j]);
		printf("\n");
	}
	network_list_tuple2_field_name_field_value_free(&entries);
	wasi_http_types_fields_drop_own(headers);
	show_response("/fields", response);
}

// Sockets.

static wasi_sockets_network_ip_socket_address_t parse(const char *text) {
	wasi_sockets_network_ip_socket_address_t address = {.tag = WASI_SOCKETS_NETWORK_IP_SOCKET_ADDRESS_IPV4};
	wasi_sockets_network_ipv4_address_t *ip = &address.val.ipv4.address;
	if (sscanf(text, "%hhu.%hhu.%hhu.%hhu:%hu", &ip->f0, &ip->f1, &ip->f2, &ip->f3, &address.val.ipv4.port) != 5) fail("no address");
	return address;
}

static void must(const char *what, bool done, wasi_sockets_network_error_code_t error) {
	if (!done) printf("%s: error-code %d\n", what, error), exit(1);
}

static void tcp(const char *to) {
	wasi_sockets_network_own_network_t network = wasi_sockets_instance_network_instance_network();
	wasi_sockets_network_ip_socket_address_t address = parse(to);
	wasi_sockets_network_error_code_t error = 0;
	wasi_sockets_tcp_own_tcp_socket_t own;
	must("create", wasi_sockets_tcp_create_socket_create_tcp_socket(WASI_SOCKETS_NETWORK_IP_ADDRESS_FAMILY_IPV4, &own, &error), error);
	wasi_sockets_tcp_borrow_tcp_socket_t socket = wasi_sockets_tcp_borrow_tcp_socket(own);
	must("connect", wasi_sockets_tcp_method_tcp_socket_start_connect(socket, wasi_sockets_network_borrow_network(network), &address, &error), error);
	block(wasi_sockets_tcp_method_tcp_socket_subscribe(socket));
	wasi_sockets_tcp_tuple2_own_input_stream_own_output_stream_t streams;
	must("connected", wasi_sockets_tcp_method_tcp_socket_finish_connect(socket, &streams, &error), error);
	static char large[50000];
	memset(large, 'x', sizeof large);
	writes(streams.f1, "hello", 5);
	writes(streams.f1, large, sizeof large);
	must("shutdown", wasi_sockets_tcp_method_tcp_socket_shutdown(socket, WASI_SOCKETS_TCP_SHUTDOWN_TYPE_SEND, &error), error);
	char *data;
	size_t size;
	bool whole = reads(streams.f0, &data, &size);
	printf("%.5s, %zu bytes, hash %llx, %s\n", data ? data : "", size, (unsigned long long)hash(data, size), whole ? "whole" : "cut");
	free(data);
	wasi_io_streams_output_stream_drop_own(streams.f1);
	wasi_sockets_tcp_tcp_socket_drop_own(own);
	wasi_sockets_network_network_drop_own(network);
}

static void udp(const char *to) {
	wasi_sockets_network_own_network_t network = wasi_sockets_instance_network_instance_network();
	wasi_sockets_network_ip_socket_address_t local = parse("127.0.0.1:0"), address = parse(to);
	wasi_sockets_network_error_code_t error = 0;
	wasi_sockets_udp_own_udp_socket_t own;
	must("create", wasi_sockets_udp_create_socket_create_udp_socket(WASI_SOCKETS_NETWORK_IP_ADDRESS_FAMILY_IPV4, &own, &error), error);
	wasi_sockets_udp_borrow_udp_socket_t socket = wasi_sockets_udp_borrow_udp_socket(own);
	must("bind", wasi_sockets_udp_method_udp_socket_start_bind(socket, wasi_sockets_network_borrow_network(network), &local, &error), error);
	must("bound", wasi_sockets_udp_method_udp_socket_finish_bind(socket, &error), error);
	wasi_sockets_udp_tuple2_own_incoming_datagram_stream_own_outgoing_datagram_stream_t streams;
	must("stream", wasi_sockets_udp_method_udp_socket_stream(socket, NULL, &streams, &error), error);
	wasi_sockets_udp_borrow_outgoing_datagram_stream_t out = wasi_sockets_udp_borrow_outgoing_datagram_stream(streams.f1);
	wasi_sockets_udp_borrow_incoming_datagram_stream_t in = wasi_sockets_udp_borrow_incoming_datagram_stream(streams.f0);
	uint64_t n;
	block(wasi_sockets_udp_method_outgoing_datagram_stream_subscribe(out));
	must("check", wasi_sockets_udp_method_outgoing_datagram_stream_check_send(out, &n, &error), error);
	wasi_sockets_udp_outgoing_datagram_t datagram = {{(uint8_t *)"a datagram", 10}, {true, address}};
	wasi_sockets_udp_list_outgoing_datagram_t datagrams = {&datagram, 1};
	must("send", wasi_sockets_udp_method_outgoing_datagram_stream_send(out, &datagrams, &n, &error), error);
	printf("sent %llu\n", (unsigned long long)n);
	block(wasi_sockets_udp_method_incoming_datagram_stream_subscribe(in));
	wasi_sockets_udp_list_incoming_datagram_t got;
	must("receive", wasi_sockets_udp_method_incoming_datagram_stream_receive(in, 10, &got, &error), error);
	for (size_t i = 0; i < got.len; i++)
		printf("%.*s %d\n", (int)got.ptr[i].data.len, got.ptr[i].data.ptr, got.ptr[i].remote_address.val.ipv4.port == address.val.ipv4.port);
	wasi_sockets_udp_list_incoming_datagram_free(&got);
	wasi_sockets_udp_incoming_datagram_stream_drop_own(streams.f0);
	wasi_sockets_udp_outgoing_datagram_stream_drop_own(streams.f1);
	wasi_sockets_udp_udp_socket_drop_own(own);
	wasi_sockets_network_network_drop_own(network);
}

bool network_row(const char *row, const char *to) {
	struct {
		const char *name;
		void (*run)(const char *to);
	} rows[] = {{"get", get}, {"post-before", post_before}, {"post-after", post_after}, {"four", four}, {"chunked", chunked}, {"cut", cut}, {"refused", root},
	            {"unknown", root}, {"fields", fields}, {"tcp", tcp}, {"tcp-refused", tcp}, {"udp", udp}};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (strcmp(row, rows[i].name) == 0) {
			rows[i].run(to);
			return true;
		}
	return false;
}
