#include "steering.h"

#include <errno.h>
#include <rte_errno.h>
#include <rte_flow.h>
#include <stdlib.h>
#include <string.h>

#include "flow/steering.h"
#include "model.h"
#include "quiet.h"

// One rule as rte_flow takes it. DPDK 24.11 made an IPv6 address a struct of 16 octets: it is filled as
// octets.
struct pattern {
	struct rte_flow_item items[5]; // eth, vlan, ip, udp, end
	struct rte_flow_item_vlan vlan, vlan_mask;
	struct rte_flow_item_ipv4 ipv4, ipv4_mask;
	struct rte_flow_item_ipv6 ipv6, ipv6_mask;
	struct rte_flow_item_udp udp, udp_mask;
	struct rte_flow_action_queue queue;
	struct rte_flow_action actions[2];
};

static const struct rte_flow_attr ingress = {.ingress = 1};

static void set_address(void *address, void *mask, const struct flow_rule *rule)
{
	uint8_t bits[16] = {0};

	for (unsigned i = 0; i < rule->prefix_length; i++) {
		bits[i / 8] |= (uint8_t)(0x80 >> i % 8);
	}
	memcpy(address, rule->address.bytes, address_length(rule->address.family));
	memcpy(mask, bits, address_length(rule->address.family));
}

static void make_pattern(struct pattern *out, const struct flow_rule *rule, uint16_t vlan, uint16_t queue)
{
	struct rte_flow_item *item = out->items;
	bool ipv4 = rule->address.family == ADDRESS_IPV4, any = rule->prefix_length == 0;

	memset(out, 0, sizeof(*out));
	*item++ = (struct rte_flow_item){.type = RTE_FLOW_ITEM_TYPE_ETH};
	if (vlan != PACKET_VLAN_NONE) {
		out->vlan.hdr.vlan_tci = rte_cpu_to_be_16(vlan);
		out->vlan_mask.hdr.vlan_tci = RTE_BE16(PACKET_VLAN_MAX);
		*item++ = (struct rte_flow_item){
		        .type = RTE_FLOW_ITEM_TYPE_VLAN, .spec = &out->vlan, .mask = &out->vlan_mask};
	}
	if (ipv4) {
		set_address(&out->ipv4.hdr.dst_addr, &out->ipv4_mask.hdr.dst_addr, rule);
		*item++ = (struct rte_flow_item){.type = RTE_FLOW_ITEM_TYPE_IPV4,
		                                 .spec = any ? NULL : &out->ipv4,
		                                 .mask = any ? NULL : &out->ipv4_mask};
	} else {
		set_address(&out->ipv6.hdr.dst_addr, &out->ipv6_mask.hdr.dst_addr, rule);
		*item++ = (struct rte_flow_item){.type = RTE_FLOW_ITEM_TYPE_IPV6,
		                                 .spec = any ? NULL : &out->ipv6,
		                                 .mask = any ? NULL : &out->ipv6_mask};
	}
	out->udp.hdr.dst_port = rte_cpu_to_be_16(rule->port);
	out->udp_mask.hdr.dst_port = rte_cpu_to_be_16(rule->port_mask);
	*item++ = (struct rte_flow_item){
	        .type = RTE_FLOW_ITEM_TYPE_UDP, .spec = &out->udp, .mask = &out->udp_mask};
	*item = (struct rte_flow_item){.type = RTE_FLOW_ITEM_TYPE_END};
	out->queue.index = queue;
	out->actions[0] = (struct rte_flow_action){.type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &out->queue};
	out->actions[1] = (struct rte_flow_action){.type = RTE_FLOW_ACTION_TYPE_END};
}

// What is asked of the port, and the rules that it has taken so far.
struct request {
	uint16_t port, vlan;
	const struct worker_team *team;
	const struct flow_rule *rules;
	unsigned count;
	struct rte_flow **made; // [count]
	struct rte_flow_error refusal;
};

static int validate_all(struct request *request)
{
	int rc = 0;

	for (unsigned i = 0; i < request->count && rc == 0; i++) {
		const struct flow_rule *rule = &request->rules[i];
		struct pattern pattern;

		make_pattern(&pattern, rule, request->vlan,
		             request->team->receivers[rule->group].first_queue);
		rc = rte_flow_validate(request->port, &ingress, pattern.items, pattern.actions,
		                       &request->refusal);
	}
	return rc;
}

static int create_all(struct request *request)
{
	int rc = 0;
	unsigned made;

	for (made = 0; made < request->count; made++) {
		const struct flow_rule *rule = &request->rules[made];
		struct pattern pattern;

		make_pattern(&pattern, rule, request->vlan,
		             request->team->receivers[rule->group].first_queue);
		request->made[made] = rte_flow_create(request->port, &ingress, pattern.items, pattern.actions,
		                                      &request->refusal);
		if (request->made[made] == NULL) {
			rc = rte_errno != 0 ? -rte_errno : -EIO;
			break;
		}
	}
	while (rc < 0 && made > 0) {
		struct rte_flow_error ignored;

		(void)rte_flow_destroy(request->port, request->made[--made], &ignored);
	}
	return rc;
}

// The driver says why in its answer, or prints it, or both.
static int ask(struct request *request, bool verbose, struct error *error)
{
	struct quiet quiet;
	const char *message;
	int rc;

	memset(&request->refusal, 0, sizeof(request->refusal));
	request->made = (struct rte_flow **)calloc(request->count, sizeof(struct rte_flow *));
	if (request->made == NULL) {
		return error_set(error, -ENOMEM, "no memory for flow rules");
	}
	quiet_begin(&quiet, verbose);
	rc = validate_all(request);
	if (rc == 0) {
		rc = create_all(request);
	}
	quiet_end(&quiet);
	free(request->made);
	message = request->refusal.message != NULL ? request->refusal.message : rte_strerror(-rc);
	return rc == 0 ? 0
	               : error_set(error, rc, "%s%s%s", message, quiet.reason[0] != '\0' ? "; " : "",
	                           quiet.reason);
}

// From what takes fewest rules to what most ports match. Of several refusals the last is told: the simplest
// rules met it.
static int ask_for_all_forms(struct steering *steering, struct request *request, struct flow_rule *rules,
                             const uint32_t *firsts, bool verbose, struct error *error)
{
	const char *beyond = "";
	int rc = -EINVAL;

	for (unsigned form = 0; form < FLOW_RULE_FORMS && rc < 0 && rc != -ENOSYS; form++) {
		struct error reason = {0};
		int count =
		        flow_rules_make(rules, request->team->space, firsts, request->team->receiver_count,
		                        (enum flow_rule_form)form, &reason);

		if (count > 0) {
			request->rules = rules;
			request->count = (unsigned)count;
			rc = ask(request, verbose, &reason);
			steering->rules = rc == 0 ? request->count : 0;
			*error = reason;
		} else if (error->code == 0) {
			rc = count;
			*error = reason;
		} else {
			beyond = " (and rules without masks would be too many)";
		}
	}
	if (rc < 0) {
		snprintf(steering->refused, sizeof(steering->refused), "%s%s", error->text, beyond);
	}
	return rc;
}

static int make_rules(struct steering *steering, const struct plan *plan, const struct worker_team *team)
{
	struct request request = {.port = steering->port, .vlan = plan->port.vlan, .team = team};
	struct flow_rule *rules = (struct flow_rule *)calloc(FLOW_RULES_MAX, sizeof(*rules));
	uint32_t firsts[FLOW_WORKERS_MAX + 1];
	struct error reason = {0};
	int rc;

	if (rules == NULL) {
		snprintf(steering->refused, sizeof(steering->refused), "no memory for flow rules");
		return -ENOMEM;
	}
	for (unsigned i = 0; i < team->receiver_count; i++) {
		firsts[i] = team->receivers[i].first_tuple;
	}
	firsts[team->receiver_count] = team->space->tuple_count;
	rc = ask_for_all_forms(steering, &request, rules, firsts, plan->output.verbose, &reason);
	free(rules);
	return rc;
}

static bool every_receiver_has_a_queue(const struct worker_team *team)
{
	for (unsigned i = 0; i < team->receiver_count; i++) {
		if (team->receivers[i].queue_count == 0) {
			return false;
		}
	}
	return true;
}

int steering_start(struct steering *steering, const struct plan *plan, const struct port *port,
                   const struct worker_team *team, struct error *error)
{
	int rc = -EINVAL;

	*steering = (struct steering){.port = port->id};
	if (team->receiver_count < 2) {
		return 0;
	}
	steering->way = STEERING_SOFTWARE;
	// The embedded model answers on the queue that a query came from: no rule is needed.
	if (plan->port.steering == PLAN_STEERING_SOFTWARE ||
	    (plan->port.steering == PLAN_STEERING_AUTO && model_is_embedded(plan))) {
		return 0;
	}
	if (every_receiver_has_a_queue(team)) {
		rc = make_rules(steering, plan, team);
	} else {
		snprintf(steering->refused, sizeof(steering->refused),
		         "fewer queues (--rx-queues) than receivers");
	}
	if (rc == 0) {
		steering->way = STEERING_FLOW;
		return 0;
	}
	return plan->port.steering == PLAN_STEERING_AUTO
	               ? 0
	               : error_set_at(error, rc, "--steering", 0, 0,
	                              "driver %s takes no flow rules for these receivers: %s. Use "
	                              "--steering auto: what comes to another receiver's queue is then "
	                              "handed over",
	                              port->driver, steering->refused);
}

void steering_stop(struct steering *steering)
{
	struct rte_flow_error ignored;

	if (steering->way == STEERING_FLOW) {
		(void)rte_flow_flush(steering->port, &ignored);
	}
	steering->way = STEERING_NONE;
}
