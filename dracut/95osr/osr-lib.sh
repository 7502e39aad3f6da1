#!/bin/sh
# What the Open Sharedroot hooks share. Sourced by hooks, which dracut sources: return, never exit.

# Say whether Open Sharedroot has a part in this boot: rd.osr=0 stands aside completely.
osr_wanted() {
    getargbool 1 rd.osr
}

# osr_stage STAGE: run one stage of the agent, once. 0 done, 75 not yet; anything else ends the boot.
osr_stage() {
    [ -e "/run/osr/done/$1" ] && return 0
    osr_break "$1"
    osr boot "$1"
    case $? in
        0) return 0 ;;
        75) return 75 ;;
    esac
    # dracut 106 and newer switch the machine off within two seconds: nobody could read why.
    getargbool 0 rd.shell || sleep 30
    # A fixed text: dracut writes it into a script.
    die "Open Sharedroot: stage $1 failed, the reason stands above"
}

# osr_break STAGE: a shell before the stage, if rd.osr.break=STAGE asks for one; once.
osr_break() {
    case " $(getargs rd.osr.break= | tr '\n,' '  ') " in
        *" $1 "*) ;;
        *) return 0 ;;
    esac
    [ -e "/run/osr/break-$1" ] && return 0
    mkdir -p /run/osr
    : > "/run/osr/break-$1"
    emergency_shell -n "osr-$1" "Break before Open Sharedroot stage $1"
}
