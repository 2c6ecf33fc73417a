#include "support.h"

#include <errno.h>
#include <ldns/ldns.h>
#include <unistd.h>

// The wire of one line against what ldns encodes from the same texts.
static void check_against_ldns(const char *name, const char *type, bool edns, bool dnssec_ok)
{
	struct dns_query_options options = dns_query_options_default();
	char line[1200];
	struct dns_query_set *set;
	ldns_pkt *packet;
	uint8_t *wire;
	size_t size;

	options.edns = edns;
	options.dnssec_ok = dnssec_ok;
	snprintf(line, sizeof(line), "%s %s\n", name, type);
	set = parse_with(line, &options);
	packet = ldns_pkt_query_new(ldns_dname_new_frm_str(name), ldns_get_rr_type_by_name(type),
	                            LDNS_RR_CLASS_IN, LDNS_RD);
	assert_non_null(packet);
	ldns_pkt_set_id(packet, 0);
	if (edns || dnssec_ok) {
		ldns_pkt_set_edns_udp_size(packet, options.edns_size);
		ldns_pkt_set_edns_do(packet, dnssec_ok);
	}
	assert_int_equal(ldns_pkt2wire(&wire, packet, &size), LDNS_STATUS_OK);
	assert_int_equal(set->count, 1);
	assert_int_equal(set->queries[0].length, size);
	assert_memory_equal(set->queries[0].wire, wire, size);
	assert_int_equal(set->queries[0].sum, recompute_sum(wire, size));
	assert_int_equal(set->longest, size);
	LDNS_FREE(wire);
	ldns_pkt_free(packet);
	dns_query_set_free(set);
}

static void repeat_label(char *out, const char *label, unsigned count)
{
	out[0] = '\0';
	for (unsigned i = 0; i < count; i++) {
		strcat(out, label);
	}
}

static void lines_encode_as_ldns_encodes_them(void **state)
{
	static const char *const names[] = {
	        "www.example.com", "www.example.com.",     ".",           "a",          "\\065bc",
	        "a\\.b.example",   "*.example.com",        "_dns._udp.x", "MiXeD.Case", "\\255\\000\\032.x",
	        "\\;x.y",          "xn--bcher-kva.example"};
	static const char *const types[] = {"A",   "aaaa",  "TYPE65",    "HTTPS", "ANY",
	                                    "TXT", "type1", "TYPE65535", "NAPTR", "IXFR"};
	char longest[300];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (size_t j = 0; j < sizeof(types) / sizeof(types[0]); j++) {
			check_against_ldns(names[i], types[j], false, false);
			check_against_ldns(names[i], types[j], true, false);
			check_against_ldns(names[i], types[j], true, true);
		}
	}
	repeat_label(longest, "a.", 127); // 127 x 2 + 1 = 255 octets
	check_against_ldns(longest, "A", true, false);
}

static void escapes_and_the_root_have_their_known_octets(void **state)
{
	static const uint8_t abc[] = {3, 'A', 'b', 'c', 0, 0, 1, 0, 1};
	static const uint8_t root[] = {0, 0, 2, 0, 1};
	struct dns_query_set *set = parse_plain("\\065bc A\n. NS\n");

	(void)state;
	assert_int_equal(set->count, 2);
	assert_int_equal(set->queries[0].question_length, sizeof(abc));
	assert_memory_equal(set->queries[0].wire + DNS_HEADER_SIZE, abc, sizeof(abc));
	assert_int_equal(set->queries[1].question_length, sizeof(root));
	assert_memory_equal(set->queries[1].wire + DNS_HEADER_SIZE, root, sizeof(root));
	dns_query_set_free(set);
}

static void comments_blanks_and_line_ends_are_skipped(void **state)
{
	struct dns_query_set *set =
	        parse_plain("\xef\xbb\xbf; a comment\n\n# another\r\n \t \n  a.example\tA \r\n"
	                    "b.example AAAA some 10.0.0.1 more\r\nc.example A ; D\nd.example A");

	(void)state;
	assert_int_equal(set->count, 4);
	assert_int_equal(set->queries[0].line, 5);
	assert_int_equal(set->queries[1].line, 6);
	assert_int_equal(set->queries[2].line, 7);
	assert_int_equal(set->queries[3].line, 8);
	for (uint32_t i = 0; i < set->count; i++) {
		assert_int_equal(set->queries[i].length,
		                 DNS_HEADER_SIZE + set->queries[i].question_length); // no OPT
	}
	dns_query_set_free(set);
}

static void columns_add_edns_do_and_client_subnet(void **state)
{
	static const uint8_t edns[] = {0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0};
	static const uint8_t dnssec[] = {0, 0, 41, 0x04, 0xd0, 0, 0, 0x80, 0, 0, 0};
	static const uint8_t subnet4[] = {0, 0, 41, 0x04, 0xd0, 0, 0,  0, 0,   0, 11,
	                                  0, 8, 0,  7,    0,    1, 20, 0, 192, 0, 16};
	static const uint8_t subnet6[] = {0, 0,  41, 0x04, 0xd0, 0, 0,    0x80, 0,    0,    15, 0,    8,
	                                  0, 11, 0,  2,    56,   0, 0x20, 1,    0x0d, 0xb8, 0,  0x01, 0x02};
	static const uint8_t subnet0[] = {0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 8, 0, 8, 0, 4, 0, 1, 0, 0};
	static const struct {
		const uint8_t *opt;
		size_t size;
	} expected[] = {{edns, sizeof(edns)},
	                {dnssec, sizeof(dnssec)},
	                {subnet4, sizeof(subnet4)},
	                {subnet6, sizeof(subnet6)},
	                {subnet0, sizeof(subnet0)}};
	struct dns_query_set *set =
	        parse_plain("a A E\na A D\na A 192.0.31.255/20\na A D 2001:db8:1:2ff::1/56\na A 0.0.0.0/0\n");

	(void)state;
	assert_int_equal(set->count, 5);
	for (uint32_t i = 0; i < 5; i++) {
		const struct dns_query *query = &set->queries[i];
		size_t at = DNS_HEADER_SIZE + query->question_length;

		assert_int_equal(query->wire[11], 1); // ARCOUNT
		assert_int_equal(query->length - at, expected[i].size);
		assert_memory_equal(query->wire + at, expected[i].opt, expected[i].size);
		assert_int_equal(query->sum, recompute_sum(query->wire, query->length));
	}
	dns_query_set_free(set);
}

static void options_of_the_set_reach_every_message(void **state)
{
	static const uint8_t opt[] = {0, 0, 41, 0x10, 0, 0,    0,    0, 0, 0,
	                              9, 0, 3,  0,    0, 0xff, 0xfe, 0, 1, 0xab};
	struct dns_query_options options = dns_query_options_default();
	struct error error = {0};
	struct dns_query_set *set;

	(void)state;
	options.edns_size = 4096;
	options.nsid = true;
	options.recursion_desired = false;
	assert_int_equal(dns_edns_option_parse("65534:aB", &options.options[options.option_count++], &error),
	                 0);
	set = parse_with("a A\nb A ignored\n", &options);
	for (uint32_t i = 0; i < set->count; i++) {
		assert_int_equal(set->queries[i].wire[2], 0); // RD
		assert_int_equal(set->queries[i].length, DNS_HEADER_SIZE + 7 + sizeof(opt));
		assert_memory_equal(set->queries[i].wire + DNS_HEADER_SIZE + 7, opt, sizeof(opt));
	}
	dns_query_set_free(set);
}

static void fullest_message_fits_its_buffer(void **state)
{
	struct dns_query_options options = dns_query_options_default();
	struct dns_query_set *set;
	char line[400];

	(void)state;
	options.nsid = true;
	options.option_count = DNS_EDNS_OPTIONS_MAX;
	for (int i = 0; i < DNS_EDNS_OPTIONS_MAX; i++) {
		options.options[i].length = DNS_EDNS_OPTION_SIZE_MAX;
	}
	repeat_label(line, "a.", 127);
	strcat(line, " A D 2001:db8::1/128");
	set = parse_with(line, &options);
	assert_int_equal(set->queries[0].length, 12 + 259 + 11 + 4 + 24 + 8 * 260);
	dns_query_set_free(set);
}

static void bad_edns_options_are_refused(void **state)
{
	static const char *const bad[] = {"",      "10",    ":",       ":00",       "65536:00", "10:0",
	                                  "10:0g", "-1:00", "0x10:00", "123456:00", "10 :00"};
	struct dns_edns_option option;
	char text[3 + 2 * DNS_EDNS_OPTION_SIZE_MAX + 3] = "10:";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error error = {0};

		assert_int_equal(dns_edns_option_parse(bad[i], &option, &error), -EINVAL);
		assert_string_not_equal(error.text, "");
	}
	memset(text + 3, '0', 2 * DNS_EDNS_OPTION_SIZE_MAX);
	assert_int_equal(dns_edns_option_parse(text, &option, NULL), 0);
	assert_int_equal(option.length, DNS_EDNS_OPTION_SIZE_MAX);
	strcat(text, "00");
	assert_int_equal(dns_edns_option_parse(text, &option, NULL), -EINVAL);
	assert_int_equal(dns_edns_option_parse("10:", &option, NULL), 0);
	assert_int_equal(option.length, 0);
}

static void check_refused(const char *text, size_t size, int line, int column, const char *says)
{
	struct dns_query_options options = dns_query_options_default();
	struct dns_query_set *set = NULL;
	struct error error = {0};
	char *copy = (char *)exact_copy((const uint8_t *)text, size);

	assert_int_equal(dns_query_set_parse(&set, "queries", copy, size, &options, &error), -EINVAL);
	assert_null(set);
	assert_string_equal(error.source, "queries");
	if (error.line != line || error.column != column || strstr(error.text, says) == NULL) {
		fail_msg("expected %d:%d with '%s', got %d:%d: %s", line, column, says, error.line,
		         error.column, error.text);
	}
	free(copy);
}

static void bad_lines_are_refused_with_their_place(void **state)
{
	static const struct {
		const char *text;
		int line, column;
		const char *says;
	} cases[] = {
	        {"", 0, 0, "no query"},
	        {"; nothing\n\n", 0, 0, "no query"},
	        {"a A\nwww.example.com\n", 2, 16, "type is missing"},
	        {"a A\nwww.example.com ; A\n", 2, 17, "type is missing"},
	        {"a AX\n", 1, 3, "'AX' is not a query type"},
	        {"a AAAAA\n", 1, 3, "'AAAAA'"},
	        {"a IN A\n", 1, 3, "'IN'"},
	        {"a TYPE65536\n", 1, 3, "65535"},
	        {"a TYPE1x\n", 1, 3, "'TYPE1x'"},
	        {"a TYPE\n", 1, 3, "'TYPE'"},
	        {"a TYPE-5\n", 1, 3, "'TYPE-5'"},
	        {"a A_VERY_LONG_WORD_FOR_A_TYPE\n", 1, 3, "not a query type"},
	        {"a..b A\n", 1, 1, "empty label"},
	        {"  .a A\n", 1, 3, "empty label"},
	        {"a\\256 A\n", 1, 1, "escape"},
	        {"a\\ A\n", 1, 1, "escape"},
	        {"a\\25 A\n", 1, 1, "escape"},
	        {"a\rb A\n", 1, 2, "\\013"},
	        {"a\x01 A\n", 1, 2, "control character"},
	        {"a A 192.0.2.0/33\n", 1, 5, "prefix length"},
	        {"a A 2001:db8::/x\n", 1, 5, "prefix length"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		check_refused(cases[i].text, strlen(cases[i].text), cases[i].line, cases[i].column,
		              cases[i].says);
	}
	check_refused("a A\nb\0c A\n", 10, 2, 2, "NUL");
	check_refused("a A\n;\0", 6, 2, 2, "NUL");
}

static void too_long_labels_names_and_lines_are_refused(void **state)
{
	char text[DNS_LINE_SIZE_MAX + 100];
	char label[70];

	(void)state;
	memset(label, 'x', 64);
	label[64] = '\0';
	for (int position = 0; position < 3; position++) { // first, last with a dot, last without
		static const char *const before[] = {"", "example.", "example."};
		static const char *const after[] = {".example A", ". A", " A"};

		snprintf(text, sizeof(text), "%s%s%s", before[position], label, after[position]);
		check_refused(text, strlen(text), 1, 1, "63");
		snprintf(text, sizeof(text), "%s%s%s", before[position], label + 1, after[position]);
		dns_query_set_free(parse_plain(text));
	}
	repeat_label(text, "a.", 128); // 257 octets
	strcat(text, " A");
	check_refused(text, strlen(text), 1, 1, "255");
	repeat_label(text, "a.", 126);
	strcat(text, "bc A"); // 126 x 2 + 3 + 1 = 256
	check_refused(text, strlen(text), 1, 1, "255");
	repeat_label(text, "a.", 600); // too long for any way to write a name
	strcat(text, " A");
	check_refused(text, strlen(text), 1, 1, "255");
	memset(text, ' ', sizeof(text));
	memcpy(text, "a A", 3);
	check_refused(text, DNS_LINE_SIZE_MAX + 1, 1, DNS_LINE_SIZE_MAX + 1, "4096");
	text[DNS_LINE_SIZE_MAX] = '\0';
	dns_query_set_free(parse_plain(text));
}

static void names_come_back_as_text(void **state)
{
	static const char *const texts[] = {"www.example.com A", ". NS", "\\255\\000.x TYPE65280",
	                                    "a\\.b.c AAAA"};
	char text[DNS_QUESTION_TEXT_SIZE], longest[1100] = "";
	struct dns_query_set *set;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		set = parse_plain(texts[i]);
		assert_int_equal(dns_query_set_name_format(set, 0, text, sizeof(text)), strlen(texts[i]));
		assert_string_equal(text, texts[i]);
		assert_int_equal(dns_query_set_name_format(set, 0, text, 3), strlen(texts[i]));
		assert_int_equal(strlen(text), 2);
		assert_int_equal(dns_query_set_name_format(set, 1, text, sizeof(text)), -ENOENT);
		dns_query_set_free(set);
	}
	repeat_label(longest, "\\001.", 127);
	strcpy(longest + strlen(longest) - 1, " TYPE65535");
	set = parse_plain(longest);
	assert_true(dns_query_set_name_format(set, 0, text, sizeof(text)) < DNS_QUESTION_TEXT_SIZE);
	assert_string_equal(text, longest);
	dns_query_set_free(set);
}

static void questions_match_whatever_the_case_but_not_other_types(void **state)
{
	struct dns_query_set *set = parse_plain(
	        "Www.Example.com TYPE65\nwww.example.com TYPE97\nwww.example.con TYPE65\n[.x A\n{.x A\n");
	uint8_t question[64];
	size_t length = set->queries[0].question_length;

	(void)state;
	memcpy(question, set->queries[0].wire + DNS_HEADER_SIZE, length);
	assert_true(dns_question_matches(set, 0, question, length));
	assert_false(dns_question_matches(set, 1, question, length)); // 65 and 97 are 'A' and 'a'
	assert_false(dns_question_matches(set, 2, question, length));
	assert_false(dns_question_matches(set, 5, question, length));
	assert_false(dns_question_matches(set, 0, question, length - 1));
	assert_false(dns_question_matches(set, 0, NULL, 0));
	question[2] = 'W';
	question[5] = 'e';
	assert_true(dns_question_matches(set, 0, question, length));
	question[length - 1] ^= 1; // class
	assert_false(dns_question_matches(set, 0, question, length));
	// [ and { differ by the case bit and are no letters.
	assert_false(dns_question_matches(set, 3, set->queries[4].wire + DNS_HEADER_SIZE,
	                                  set->queries[4].question_length));
	dns_query_set_free(set);
}

static void a_file_and_its_text_give_the_same_set(void **state)
{
	char path[] = "/tmp/staleflow-queries-XXXXXX";
	struct dns_query_options options = dns_query_options_default();
	struct dns_query_set *set, *parsed;
	struct error error = {0};
	char *text = malloc(200000 * 24);
	size_t size = 0;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_non_null(text);
	for (int i = 0; i < 200000; i++) {
		size += (size_t)sprintf(text + size, "n%06d.example.com %s\n", i, i % 2 == 0 ? "A" : "AAAA");
	}
	assert_int_equal(write(fd, text, size), size);
	close(fd);
	assert_int_equal(dns_query_set_load(&set, path, &options, &error), 0);
	assert_int_equal(dns_query_set_parse(&parsed, "text", text, size, &options, &error), 0);
	unlink(path);
	assert_int_equal(set->count, 200000);
	assert_int_equal(parsed->count, 200000);
	for (uint32_t i = 0; i < set->count; i++) {
		assert_int_equal(set->queries[i].line, i + 1);
		assert_int_equal(set->queries[i].length, parsed->queries[i].length);
		assert_memory_equal(set->queries[i].wire, parsed->queries[i].wire, set->queries[i].length);
		assert_int_equal(set->queries[i].sum,
		                 recompute_sum(set->queries[i].wire, set->queries[i].length));
	}
	assert_true(dns_query_set_memory(set) >= 200000 * (sizeof(struct dns_query) + 36));
	assert_true(dns_query_set_memory(set) <= 200000 * (sizeof(struct dns_query) + 40));
	dns_query_set_free(set);
	dns_query_set_free(parsed);
	free(text);
}

static void files_that_cannot_be_read_say_why(void **state)
{
	static const struct {
		const char *path;
		int code;
	} cases[] = {{"/nonexistent/queries", -ENOENT}, {"/tmp", -EISDIR}, {"/dev/null", -EINVAL}};
	struct dns_query_options options = dns_query_options_default();
	struct dns_query_set *set;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error error = {0};

		assert_int_equal(dns_query_set_load(&set, cases[i].path, &options, &error), cases[i].code);
		assert_null(set);
		assert_string_equal(error.source, cases[i].path);
		error = (struct error){0};
		assert_int_equal(dns_query_set_load_binary(&set, cases[i].path, &error), cases[i].code);
		assert_null(set);
	}
}

static void a_dash_reads_standard_input(void **state)
{
	static const char text[] = "www.example.com A\nbad\n";
	struct dns_query_options options = dns_query_options_default();
	int saved = dup(STDIN_FILENO);

	(void)state;
	for (int bad = 0; bad < 2; bad++) {
		struct dns_query_set *set = NULL;
		struct error error = {0};
		size_t size = bad != 0 ? sizeof(text) - 1 : strlen("www.example.com A\n");
		int ends[2];

		assert_int_equal(pipe(ends), 0);
		assert_int_equal(write(ends[1], text, size), size);
		close(ends[1]);
		dup2(ends[0], STDIN_FILENO);
		close(ends[0]);
		assert_int_equal(dns_query_set_load(&set, "-", &options, &error), bad != 0 ? -EINVAL : 0);
		assert_int_equal(set != NULL, bad == 0);
		assert_string_equal(error.source, bad != 0 ? "standard input" : "");
		dns_query_set_free(set);
	}
	dup2(saved, STDIN_FILENO);
	close(saved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(lines_encode_as_ldns_encodes_them),
	        cmocka_unit_test(escapes_and_the_root_have_their_known_octets),
	        cmocka_unit_test(comments_blanks_and_line_ends_are_skipped),
	        cmocka_unit_test(columns_add_edns_do_and_client_subnet),
	        cmocka_unit_test(options_of_the_set_reach_every_message),
	        cmocka_unit_test(fullest_message_fits_its_buffer),
	        cmocka_unit_test(bad_edns_options_are_refused),
	        cmocka_unit_test(bad_lines_are_refused_with_their_place),
	        cmocka_unit_test(too_long_labels_names_and_lines_are_refused),
	        cmocka_unit_test(names_come_back_as_text),
	        cmocka_unit_test(questions_match_whatever_the_case_but_not_other_types),
	        cmocka_unit_test(a_file_and_its_text_give_the_same_set),
	        cmocka_unit_test(files_that_cannot_be_read_say_why),
	        cmocka_unit_test(a_dash_reads_standard_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
