# Group 19, poison: the next job looks whether anything of what was left takes effect, in all three runtimes.
# Must come out: python and node say what they always say, and nothing is poisoned.
echo "ZF {\"container\":\"$HOSTNAME\",\"at\":$EPOCHREALTIME}"
python=$(cd /work && python3 -c 'import json, os, encodings; print(json.dumps([1]))' 2>&1)
node=$(node -e 'console.log(typeof require("fs").readFileSync)' 2>&1)
login=$(bash -lc 'echo plain' 2>&1)
interactive=$(bash -ic 'echo plain' 2>/dev/null)
echo "ZF {\"python\":\"$python\",\"node\":\"$node\",\"login\":\"$login\",\"interactive\":\"$interactive\"}"
echo "ZF {\"files\":\"$(ls -A /work; ls -A /tmp; ls -A /dev/shm)\",\"umask\":\"$(umask)\",\"nice\":\"$(nice)\",\"open_files\":\"$(ulimit -n)\"}"
echo "ZF {\"blocked\":\"$(grep SigBlk /proc/self/status | cut -f2)\",\"mode\":\"$(stat -c %a:%U /work)\"}"
