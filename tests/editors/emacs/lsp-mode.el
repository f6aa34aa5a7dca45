;;; lsp-mode.el --- The Dockerfile language server in Emacs with lsp-mode  -*- lexical-binding: t; -*-

(load (expand-file-name "story" (file-name-directory load-file-name)))
(require 'lsp-mode)
(require 'lsp-lens)

(setq lsp-auto-guess-root t
      lsp-diagnostics-provider :flymake
      lsp-enable-file-watchers nil
      lsp-enable-snippet nil)

(cl-defmethod test-connect ()
  (lsp)
  (test-expect "lsp-mode chose our server"
               (lambda () (equal (mapcar (lambda (workspace) (lsp--client-server-id (lsp--workspace-client workspace)))
                                         (lsp-workspaces))
                                 '(cooper)))))

;; lsp-mode sends each change as it is made.
(cl-defmethod test-tell-changes ())

(cl-defmethod test-hover ()
  (let ((hover (lsp-request "textDocument/hover" (lsp--text-document-position-params))))
    (and hover (gethash "value" (gethash "contents" hover)))))

(cl-defmethod test-completions ()
  (let ((found (lsp-completion-at-point)))
    (and found (all-completions (buffer-substring (nth 0 found) (nth 1 found)) (nth 2 found)))))

(cl-defmethod test-fix (start end)
  (goto-char start)
  (push-mark end t t)
  (lsp-execute-code-action (lsp-seq-first (lsp-get-or-calculate-code-actions "quickfix"))))

(test-story)
