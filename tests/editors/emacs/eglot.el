;;; eglot.el --- The Dockerfile language server in Emacs with eglot  -*- lexical-binding: t; -*-

(load (expand-file-name "story" (file-name-directory load-file-name)))
(require 'eglot)

(setq eglot-sync-connect t
      eglot-connect-timeout 120)

(cl-defmethod test-connect ()
  (apply #'eglot--connect (eglot--guess-contact)))

(cl-defmethod test-tell-changes ()
  (eglot--signal-textDocument/didChange))

(let (said)
  (cl-defmethod test-hover ()
    (unless said
      (eglot-hover-eldoc-function (lambda (hover &rest _) (setq said hover))))
    said))

(cl-defmethod test-completions ()
  (let ((found (eglot-completion-at-point)))
    (and found (all-completions (buffer-substring (nth 0 found) (nth 1 found)) (nth 2 found)))))

(cl-defmethod test-fix (start end)
  (let ((fixes (eglot-code-actions start end "quickfix")))
    (eglot--apply-workspace-edit (plist-get (aref (vconcat fixes) 0) :edit))))

(test-story)
