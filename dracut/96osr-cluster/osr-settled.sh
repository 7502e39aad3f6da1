#!/bin/sh
# initqueue/settled: who am I, my links, the root, my own tree. Called about once a second until it is done.
# Accepts: everything of docs/kernel-arguments.md

type osr_stage > /dev/null 2>&1 || . /lib/osr-lib.sh

osr_wanted || return 0
osr_stage plan && osr_stage network && osr_stage root || return 0
ismounted "$NEWROOT" && osr_stage cdsl
