FROM debian:12
RUN <<EOF
#   ^^ keyword.operator.heredoc
#     ^^^ entity.name.tag.heredoc
for i in 1 2; do
#^^ keyword.control meta.embedded.shell
  echo "never closed
done
EOF
ENV A=1
#^^ keyword !meta.embedded !string
RUN <<'PY' python3
import os
#^^^^^ keyword.control.import.python meta.embedded.python
PY
RUN <<SCRIPT
#!/usr/bin/env python3
def f(): """never closed
#^^ storage.type.function.python
SCRIPT
ENV B=1
#^^ keyword !meta.embedded !string
RUN python3 - <<-X
	import os
	X
USER a
#^^^ keyword !meta.embedded
COPY <<EOF /etc/app.json
{"a": 1}
# ^^ meta.embedded.json
EOF
COPY --chmod=755 <<"EOF" /usr/bin/run.sh
if true; then echo; fi
#^ !meta.embedded.json meta.embedded.shell
EOF
COPY <<EOF /etc/motd
hello $NAME
#^^^^ string.unquoted.heredoc
#     ^^^^^ variable.other
EOF
ENV C=1
#^^ keyword !meta.embedded !string
