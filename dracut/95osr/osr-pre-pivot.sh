#!/bin/sh
# pre-pivot: the node's own tree, what the booted system must know, what its shutdown needs.
# Accepts: rd.osr=0, rd.osr.break=STAGE, nodeid=, rd.osr.node=, cdsltree=, cdsllink=

type osr_stage > /dev/null 2>&1 || . /lib/osr-lib.sh

osr_wanted || return 0
osr_stage plan && osr_stage root && osr_stage cdsl && osr_stage handover && osr_stage shutdown
