#!/bin/bash
# Items 1-17 of the conformance list, on a real ip_vs.
. "$(dirname "$0")/_conformance.sh"
hold_items 1-17
