# ~/.bashrc: executed by bash(1) for non-login shells.
unset HISTFILE
export HISTSIZE=0
